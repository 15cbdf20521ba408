//! What the environment says about a forward.

/// The variables that change a plan, read once.
#[derive(Clone, Copy, Debug, Default)]
pub struct Environment {
    /// `KUBECTL_PORT_FORWARD_WEBSOCKETS` is `false`, in any case of letters.
    pub websockets_are_disabled: bool,
}

impl Environment {
    /// Reads the variables of this process.
    #[must_use]
    pub fn read() -> Self {
        let websockets = std::env::var_os("KUBECTL_PORT_FORWARD_WEBSOCKETS");
        Self {
            websockets_are_disabled: websockets.is_some_and(|value| value.eq_ignore_ascii_case("false")),
        }
    }
}
