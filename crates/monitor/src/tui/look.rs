use ratatui::style::{Color, Modifier, Style};

/// How things look: in colours, or without where the user or the terminal wants none. Nothing is told by colour alone.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Look {
    /// In the terminal's sixteen colours, which the user has chosen to be readable.
    Coloured,
    /// Bold, dim and reversed only.
    Plain,
}

impl Look {
    /// A title, or a heading of a column.
    pub(super) fn title(self) -> Style {
        self.coloured(Color::Cyan).add_modifier(Modifier::BOLD)
    }

    /// The row that keys act on.
    pub(super) fn selected(self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }

    /// What goes as it should.
    pub(super) fn good(self) -> Style {
        self.coloured(Color::Green)
    }

    /// What the user should look at.
    pub(super) fn bad(self) -> Style {
        self.coloured(Color::Yellow).add_modifier(Modifier::BOLD)
    }

    /// What is over, or matters less.
    pub(super) fn faint(self) -> Style {
        Style::new().add_modifier(Modifier::DIM)
    }

    /// Bytes that go to the pod.
    pub(super) fn sent(self) -> Style {
        self.coloured(Color::Magenta)
    }

    /// Bytes that come from the pod.
    pub(super) fn received(self) -> Style {
        self.coloured(Color::Blue)
    }

    fn coloured(self, colour: Color) -> Style {
        match self {
            Self::Coloured => Style::new().fg(colour),
            Self::Plain => Style::new(),
        }
    }
}
