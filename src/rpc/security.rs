//! How connections are secured: by TLS, or not at all.

use std::sync::Arc;

use super::transport::Credentials;
#[cfg(not(madsim))]
use crate::env::Clock;

/// How a process secures its connections. Cheap to clone; by default it does not.
#[derive(Clone, Debug, Default)]
pub struct Security(pub(super) Option<Arc<Credentials>>);

impl Security {
    /// Connections are secured by these.
    pub fn tls(credentials: Credentials) -> Self {
        Self(Some(Arc::new(credentials)))
    }

    /// Tells in time that a certificate expires, for ever.
    #[cfg(not(madsim))]
    pub async fn watch(self, clock: Clock) {
        if let Some(credentials) = self.0 {
            credentials.watch(&clock).await;
        }
    }

    /// Whether connections are secured.
    pub fn is_tls(&self) -> bool {
        self.0.is_some()
    }
}
