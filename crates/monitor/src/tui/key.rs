use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

/// A key, as far as the view knows it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Key {
    Backspace,
    Character(char),
    Down,
    End,
    Enter,
    Escape,
    Home,
    /// Ctrl-C: in raw mode it is a key and no signal.
    Interrupt,
    PageDown,
    PageUp,
    /// Ctrl-Z: the same.
    Suspend,
    Tab,
    Up,
}

impl Key {
    /// The key of a terminal's event, if it is one and goes down.
    pub(super) fn of(event: &KeyEvent) -> Option<Self> {
        if event.kind == KeyEventKind::Release {
            return None;
        }
        Some(match event.code {
            KeyCode::Char('c') if event.modifiers.contains(KeyModifiers::CONTROL) => Self::Interrupt,
            KeyCode::Char('z') if event.modifiers.contains(KeyModifiers::CONTROL) => Self::Suspend,
            KeyCode::Char(_) if event.modifiers.contains(KeyModifiers::CONTROL) => return None,
            KeyCode::Char(character) => Self::Character(character),
            KeyCode::Backspace => Self::Backspace,
            KeyCode::Down => Self::Down,
            KeyCode::End => Self::End,
            KeyCode::Enter => Self::Enter,
            KeyCode::Esc => Self::Escape,
            KeyCode::Home => Self::Home,
            KeyCode::PageDown => Self::PageDown,
            KeyCode::PageUp => Self::PageUp,
            KeyCode::Tab => Self::Tab,
            KeyCode::Up => Self::Up,
            _ => return None,
        })
    }
}
