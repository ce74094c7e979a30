//! A disk in memory, for tests.

use std::{
    collections::BTreeMap,
    future::Future,
    io,
    pin::Pin,
    sync::{Arc, Mutex},
};

use redb::StorageBackend;

use super::{Disk, Job};

/// A disk without an fsync to wait for. A clone is a copy.
#[derive(Debug, Default)]
pub(crate) struct MemoryDisk {
    files: Mutex<BTreeMap<String, MemoryFile>>,
    writes_left: WritesLeft,
}

/// After so many each write fails; `None`: none does.
type WritesLeft = Arc<Mutex<Option<u64>>>;

#[derive(Clone, Debug, Default)]
struct MemoryFile(Arc<Mutex<Vec<u8>>>);

/// A file that is open.
#[derive(Debug)]
struct OpenFile(MemoryFile, WritesLeft);

impl MemoryDisk {
    pub(crate) fn change(&self, file: &str, change: impl FnOnce(&mut Vec<u8>)) {
        let mut files = self.files.lock().expect("no test panics here");
        change(&mut files.entry(file.to_owned()).or_default().0.lock().expect("no test panics here"));
    }

    #[cfg(test)]
    pub(crate) fn fail_after(&self, writes: Option<u64>) {
        *self.writes_left.lock().expect("no test panics here") = writes;
    }

    #[cfg(test)]
    pub(crate) fn file_bytes(&self, file: &str) -> usize {
        self.files.lock().expect("no test panics here")[file].0.lock().expect("no test panics here").len()
    }
}

impl Clone for MemoryDisk {
    fn clone(&self) -> Self {
        let files = self.files.lock().expect("no test panics here");
        let copied = files.iter().map(|(name, file)| {
            let bytes = file.0.lock().expect("no test panics here").clone();
            (name.clone(), MemoryFile(Arc::new(Mutex::new(bytes))))
        });
        Self { files: Mutex::new(copied.collect()), writes_left: WritesLeft::default() }
    }
}

impl Disk for MemoryDisk {
    fn open(&self, file: &str) -> io::Result<Box<dyn StorageBackend>> {
        let mut files = self.files.lock().expect("no test panics here");
        let file = files.entry(file.to_owned()).or_default().clone();
        Ok(Box::new(OpenFile(file, self.writes_left.clone())))
    }

    fn run(&self, job: Job) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async { job() })
    }
}

impl MemoryFile {
    fn at<T>(&self, offset: u64, bytes: usize, act: impl FnOnce(&mut [u8]) -> T) -> io::Result<T> {
        let mut file = self.0.lock().expect("no test panics here");
        let part = file.get_mut(offset as usize..offset as usize + bytes);
        part.map(act).ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }
}

impl StorageBackend for OpenFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.0.lock().expect("no test panics here").len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.at(offset, out.len(), |part| out.copy_from_slice(part))
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.0.lock().expect("no test panics here").resize(len as usize, 0);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        match &mut *self.1.lock().expect("no test panics here") {
            Some(0) => return Err(io::ErrorKind::Other.into()),
            Some(left) => *left -= 1,
            None => {}
        }
        self.0.at(offset, data.len(), |part| part.copy_from_slice(data))
    }
}
