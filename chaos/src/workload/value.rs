//! Values. Each names the write that it comes from; some are large, with a filling that follows from the name. The history
//! holds the name alone.

use bytes::Bytes;
use conclave_checks::draw::Draw;

/// So many of 1000 values are large.
const LARGE_PER_MILLE: u64 = 20;
/// How large, in bytes.
const LARGE: (u64, u64) = (2_000, 24_000);

/// The value that is written under a name.
pub(super) fn of(name: &str, draw: &mut Draw) -> Bytes {
    let size = if draw.below(1000) < LARGE_PER_MILLE { draw.between(LARGE.0, LARGE.1) } else { 0 };
    filled(name, size as usize).into()
}

/// The name of the write that a value comes from; what was never written gets a name that nobody writes.
pub(super) fn name(value: &[u8]) -> String {
    let Ok(text) = std::str::from_utf8(value) else { return "(no text)".to_owned() };
    let name = text.split(':').next().unwrap_or_default();
    let size = text.len().saturating_sub(name.len() + 1);
    match filled(name, size) == text {
        true => name.to_owned(),
        false => format!("(damaged: {} bytes beginning with {name})", text.len()),
    }
}

fn filled(name: &str, size: usize) -> String {
    if size == 0 {
        return name.to_owned();
    }
    let filling: String = name.chars().cycle().take(size).collect();
    format!("{name}:{filling}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_tells_its_write_and_a_damaged_one_tells_none() {
        let mut draw = Draw::new(1, "values", 0);
        let values: Vec<Bytes> = (0..500).map(|_| of("c1-7", &mut draw)).collect();
        assert!(
            values.iter().any(|value| value.len() > 2_000) && values.iter().any(|value| value.len() < 10)
        );
        assert!(values.iter().all(|value| name(value) == "c1-7"));
        let damaged = filled("c1-7", 100).replacen("7c", "7d", 1);
        assert!(name(damaged.as_bytes()).starts_with("(damaged"));
    }
}
