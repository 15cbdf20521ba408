//! Virtual time: a world comes to rest, then its time goes on to what happens next.

use podline_wire::Time;

/// Turns in one moment, at most: more is a loop that does not wait.
const TURNS: usize = 200_000;

/// A world with a time of its own.
pub(crate) trait Clockwork {
    fn now(&mut self) -> &mut Time;

    /// When all must be over.
    fn end(&self) -> Time;

    /// When something happens next by itself.
    fn next(&self) -> Option<Time>;

    /// Does what can be done now; true if something was.
    fn turn(&mut self) -> Result<bool, String>;

    /// What must hold whenever everything has come to rest.
    fn check_moment(&mut self) -> Result<(), String>;

    /// What must hold when all is over.
    fn check_end(&self) -> Result<(), String>;

    /// Runs to the end. The error says what was wrong.
    fn run_to_end(&mut self) -> Result<(), String> {
        loop {
            self.settle()?;
            let end = self.end();
            let Some(next) = self.next().filter(|at| *at <= end) else {
                break;
            };
            if next <= *self.now() {
                return Err("the time does not go on".into());
            }
            *self.now() = next;
        }
        *self.now() = self.end();
        self.check_end()
    }

    /// Lets everything happen that can happen now.
    fn settle(&mut self) -> Result<(), String> {
        for _ in 0..TURNS {
            if !self.turn()? {
                return self.check_moment();
            }
        }
        Err("it does not come to rest".into())
    }
}
