//! Lines and words of a user.

use super::{address::Address, connection, node, shell, upkeep};

/// A line of text, as the shell and the parsers of options read it. What is wrong with it is said in one line.
///
/// # Panics
/// A complaint has more than one line, or an address that was accepted is not read again as the same one.
pub fn lines(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Err(complaint) = shell::check_line(text) {
        assert!(text.contains(char::is_control) || !complaint.contains('\n'), "{complaint:?}");
    }
    if let Ok(address) = text.parse::<Address>() {
        assert_eq!(address.to_string().parse(), Ok(address), "it is not read as it is written");
    }
    let _ = text.parse::<node::Peer>();
    let _ = connection::parse_span(text);
    let _ = upkeep::parse_age(text);
}
