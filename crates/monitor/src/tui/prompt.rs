use super::Key;

/// Longest filter, in characters; more would not fit a line.
const FILTER: usize = 64;

/// What keys go to before they act on what is shown.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Prompt {
    /// Whether to end this connection of this forward.
    End { forward: usize, id: u64 },
    /// What rows are to have in them. `before` comes back if it is given up.
    Filter { before: String },
}

/// Changes `filter` by a key of someone who types it.
pub(super) fn edit(filter: &mut String, key: Key) {
    match key {
        Key::Backspace => {
            filter.pop();
        }
        Key::Character(character) if !character.is_control() && filter.chars().count() < FILTER => {
            filter.push(character);
        }
        _ => {}
    }
}
