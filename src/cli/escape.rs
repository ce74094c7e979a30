//! Bytes made fit for a terminal, without ambiguity.

/// The bytes as text: printable UTF-8 as it is; backslashes, control characters and all else escaped, so that every
/// output line holds one pair and different bytes never look alike.
pub(super) fn escape(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for letter in chunk.valid().chars() {
            match letter {
                '\\' => text.push_str("\\\\"),
                '\0' => text.push_str("\\x00"),
                letter if letter.is_control() => text.extend(letter.escape_default()),
                letter => text.push(letter),
            }
        }
        for byte in chunk.invalid() {
            text.push_str(&format!("\\x{byte:02x}"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::escape;

    #[test]
    fn readable_text_stays_as_it_is() {
        assert_eq!(escape("Grüße, 世界 'quoted'".as_bytes()), "Grüße, 世界 'quoted'");
    }

    #[test]
    fn what_a_terminal_would_obey_or_garble_is_escaped() {
        assert_eq!(escape(b"a\tb\nc\x1b[2J"), "a\\tb\\nc\\u{1b}[2J");
        assert_eq!(escape(b"\xff\x00ok\xc3"), "\\xff\\x00ok\\xc3");
    }

    #[test]
    fn an_escape_cannot_be_mistaken_for_the_text_that_looks_like_it() {
        assert_ne!(escape(b"\\xff"), escape(b"\xff"));
    }
}
