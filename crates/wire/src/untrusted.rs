use std::fmt;

/// Longest text that [`Untrusted`] shows, in characters.
const SHOWN: usize = 512;

/// Text that came from outside: a cluster, a kubeconfig, a plugin, a proxy, a host name, carried traffic.
///
/// It can be shown only escaped: control characters and those that are invisible or change the direction of
/// the text appear as `\n`, `\r`, `\t` or `\u{1b}`, so that it stays on one line and cannot drive a terminal, and
/// what is longer than 512 characters ends with `…`. There is no way to get at it by accident: no `Deref`, no
/// `AsRef<str>`.
#[derive(Clone, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Untrusted(Box<str>);

impl Untrusted {
    /// Marks `text` as coming from outside.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into().into_boxed_str())
    }

    /// Takes bytes for UTF-8; what is not becomes U+FFFD.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        Self(String::from_utf8_lossy(bytes).into())
    }

    /// The text as it came, for comparing and matching only: never print, draw or store it.
    pub fn as_raw(&self) -> &str {
        &self.0
    }

    /// Whether there is no text at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn escaped(&self) -> String {
        let mut shown = String::with_capacity(self.0.len().min(SHOWN));
        let mut length = 0;
        // Where to cut so that whole escapes and an ellipsis fit.
        let mut cut = 0;
        for character in self.0.chars() {
            if length < SHOWN {
                cut = shown.len();
            }
            length += push_escaped(&mut shown, character);
            if length > SHOWN {
                shown.truncate(cut);
                shown.push('…');
                break;
            }
        }
        shown
    }
}

/// Respects width, alignment and precision.
impl fmt::Display for Untrusted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.escaped())
    }
}

/// Escaped like `Display`: a text is as dangerous in a log as on the screen.
impl fmt::Debug for Untrusted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.escaped())
    }
}

/// Appends `character`, escaped if need be, and says how many characters that were.
fn push_escaped(shown: &mut String, character: char) -> usize {
    let escape = match character {
        '\n' => "\\n",
        '\r' => "\\r",
        '\t' => "\\t",
        _ if is_hidden(character) => {
            let escape = character.escape_unicode();
            let length = escape.len();
            shown.extend(escape);
            return length;
        }
        _ => {
            shown.push(character);
            return 1;
        }
    };
    shown.push_str(escape);
    escape.len()
}

/// Whether a terminal may obey `character` instead of showing it, or show nothing or something else for it.
fn is_hidden(character: char) -> bool {
    // C0, DEL and C1.
    character.is_control()
        || matches!(
            character,
            // Soft hyphen, combining grapheme joiner, Arabic letter mark, Hangul fillers, Khmer inherent vowels,
            // Mongolian variation selectors: shown as nothing.
            '\u{ad}'
                | '\u{34f}'
                | '\u{61c}'
                | '\u{115f}'
                | '\u{1160}'
                | '\u{17b4}'
                | '\u{17b5}'
                | '\u{180b}'..='\u{180f}'
                // Zero-width space and joiners, marks of direction.
                | '\u{200b}'..='\u{200f}'
                // Line and paragraph separator, embedding and overriding of direction.
                | '\u{2028}'..='\u{202e}'
                // Word joiner, invisible operators, isolates of direction, deprecated format characters.
                | '\u{2060}'..='\u{206f}'
                | '\u{3164}'
                // Variation selectors, byte order mark, halfwidth filler, interlinear annotations.
                | '\u{fe00}'..='\u{fe0f}'
                | '\u{feff}'
                | '\u{ffa0}'
                | '\u{fff0}'..='\u{fffb}'
                // Musical format characters, tags and more variation selectors.
                | '\u{1d173}'..='\u{1d17a}'
                | '\u{e0000}'..='\u{e0fff}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_drives_a_terminal_is_escaped() {
        let text = Untrusted::new("a\u{1b}[2Jb\r\nc\td\u{7f}\u{9b}");
        assert_eq!(text.to_string(), r"a\u{1b}[2Jb\r\nc\td\u{7f}\u{9b}");
        assert_eq!(format!("{text:?}"), text.to_string());
    }

    #[test]
    fn what_is_invisible_or_turns_the_text_is_escaped() {
        for hidden in [
            '\u{202e}',
            '\u{2066}',
            '\u{200b}',
            '\u{200d}',
            '\u{feff}',
            '\u{61c}',
            '\u{2028}',
            '\u{e0041}',
        ] {
            let shown = Untrusted::new(hidden).to_string();
            assert_eq!(shown, format!("\\u{{{:x}}}", hidden as u32));
        }
    }

    #[test]
    fn ordinary_text_of_any_script_stays() {
        let text = "pods \"wéb\" n'existe pas — 豆荚 под";
        assert_eq!(Untrusted::new(text).to_string(), text);
        assert_eq!(Untrusted::new(text).as_raw(), text);
    }

    #[test]
    fn at_most_512_characters_are_shown() {
        assert_eq!(Untrusted::new("x".repeat(512)).to_string(), "x".repeat(512));
        let long = Untrusted::new("é".repeat(513)).to_string();
        assert_eq!(long, "é".repeat(511) + "…");
    }

    #[test]
    fn an_escape_is_never_cut_in_two() {
        for padding in 500..=512 {
            let shown = Untrusted::new("x".repeat(padding) + "\u{202e}\u{202e}").to_string();
            assert!(shown.chars().count() <= 512, "{padding}");
            let rest = shown.trim_start_matches('x').trim_end_matches('…');
            assert!(matches!(rest, "" | r"\u{202e}"), "{padding}: {rest}");
        }
    }

    #[test]
    fn bytes_that_are_not_text_are_replaced() {
        assert_eq!(Untrusted::from_bytes(b"a\xffb").to_string(), "a\u{fffd}b");
    }

    #[test]
    fn width_and_precision_are_respected() {
        let text = Untrusted::new("a\n");
        assert_eq!(format!("[{text:5}]"), r"[a\n  ]");
        assert_eq!(format!("[{text:.1}]"), "[a]");
    }
}
