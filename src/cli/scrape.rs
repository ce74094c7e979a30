//! What a program of this version shows at `/metrics`, read by another one.

use std::net::SocketAddr;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// The answer of `/metrics`, its head included: lines that are no metric are passed over by whoever reads it.
///
/// # Errors
/// Nobody answers there.
pub(super) async fn scrape(address: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET /metrics HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut text = String::new();
    stream.read_to_string(&mut text).await?;
    Ok(text)
}

/// Series, like `calls_total{code="OK"}`, and their values.
pub(super) fn series(metrics: &str) -> impl Iterator<Item = (&str, f64)> {
    metrics.lines().filter_map(|line| {
        let (series, value) = line.rsplit_once(' ')?;
        Some((series, value.parse().ok()?))
    })
}

/// The value of a label of a series.
pub(super) fn label<'a>(series: &'a str, name: &str) -> Option<&'a str> {
    let (_, after) = series.split_once(&format!("{name}=\""))?;
    after.split('"').next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_are_found_among_what_surrounds_them() {
        let text = "HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n# HELP a What it means\na{b=\"c\",le=\"0.5\"} 2\nd NaN\n";
        let found: Vec<_> = series(text).filter(|(_, value)| value.is_finite()).collect();
        assert_eq!(found, [("a{b=\"c\",le=\"0.5\"}", 2.0)]);
        assert_eq!(label(found[0].0, "le"), Some("0.5"));
        assert_eq!(label(found[0].0, "code"), None);
    }
}
