//! Bytes that are no gRPC.

use std::{
    io::{Read, Write},
    net::TcpStream,
    thread,
    time::Duration,
};

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use rand::{Rng, SeedableRng, rngs::StdRng};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// An empty SETTINGS frame.
const SETTINGS: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0];
/// A frame of the largest length that there is, of which nothing follows.
const LONGEST_FRAME: &[u8] = &[255, 255, 255, 0, 0, 0, 0, 0, 1];
/// HEADERS that end nothing, on stream 1, with a field of no table.
const BROKEN_HEADERS: &[u8] = &[0, 0, 2, 1, 4, 0, 0, 0, 1, 255, 255];
/// RST_STREAM of a stream that was never opened.
const RESET: &[u8] = &[0, 0, 4, 3, 0, 0, 0, 0, 9, 0, 0, 0, 8];
/// Connections at a time that say half of something and no more; fewer where the system lets a process have fewer files.
const CONNECTIONS_MAX: usize = 3_000;
/// Whoever writes to a program that has enough of it waits no longer.
const PATIENCE: Duration = Duration::from_millis(50);

/// Sends these and looks whether anything comes back. That the other side hangs up is its right.
fn throw(address: &str, parts: &[&[u8]]) -> Option<TcpStream> {
    let mut stream = TcpStream::connect(address).expect("it takes connections");
    stream.set_write_timeout(Some(PATIENCE)).expect("a timeout");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    for part in parts {
        stream.write_all(part).ok()?;
    }
    let _ = stream.read(&mut [0; 4096]);
    Some(stream)
}

pub(crate) fn all(address: &str) {
    let mut random = StdRng::seed_from_u64(13);
    for length in [1, 100, 10_000, 1_000_000] {
        let mut garbage = vec![0; length];
        random.fill(&mut garbage[..]);
        throw(address, &[&garbage]);
        throw(address, &[PREFACE, &garbage]);
        throw(address, &[PREFACE, SETTINGS, &garbage]);
    }
    throw(address, &[b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"]);
    throw(address, &[&[22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3], &[7; 500]]);
    throw(address, &[PREFACE, SETTINGS, LONGEST_FRAME]);
    throw(address, &[PREFACE, SETTINGS, BROKEN_HEADERS]);
    let resets: Vec<u8> = RESET.repeat(10_000);
    throw(address, &[PREFACE, SETTINGS, &resets]);
    let settings: Vec<u8> = SETTINGS.repeat(100_000);
    throw(address, &[PREFACE, &settings]);
}

/// Thousands of connections that say nothing, half a preface, or a preface and no more.
pub(crate) fn many_connections(address: &str) {
    let connections = CONNECTIONS_MAX.min(files_max() / 2);
    let beginnings: [&[u8]; 4] = [&[], &PREFACE[..10], PREFACE, &[PREFACE, SETTINGS].concat()];
    let open: Vec<TcpStream> = (0..connections)
        .filter_map(|number| {
            let mut stream = TcpStream::connect(address).ok()?;
            stream.write_all(beginnings[number % beginnings.len()]).ok()?;
            Some(stream)
        })
        .collect();
    assert!(open.len() > connections / 2, "it takes connections");
    thread::sleep(Duration::from_millis(500));
}

/// As many files as this process may have open from now on.
fn files_max() -> usize {
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE).expect("it has a limit");
    setrlimit(Resource::RLIMIT_NOFILE, most, most).expect("anybody may go to the limit");
    usize::try_from(most).unwrap_or(usize::MAX)
}
