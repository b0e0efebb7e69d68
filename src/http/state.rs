//! What every handler has at hand.

use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::{auth::Cache, problem::Problem};
use crate::{
    daemon::App,
    store::{Reader, StoreError},
};

/// How many streams may be open at once.
const STREAMS: usize = 256;

/// The handlers' state; cheap to clone.
#[derive(Clone)]
pub struct Api {
    /// The running daemon.
    pub app: Arc<App>,
    /// Cancelled when the daemon stops; streams end then.
    pub(super) stopping: CancellationToken,
    /// Tokens that were looked up lately.
    pub(super) tokens: Arc<Cache>,
    /// Places for open streams.
    pub(super) streams: Arc<Semaphore>,
}

impl Api {
    /// Makes the state.
    pub fn new(app: Arc<App>, stopping: CancellationToken) -> Self {
        Self {
            app,
            stopping,
            tokens: Arc::default(),
            streams: Arc::new(Semaphore::new(STREAMS)),
        }
    }

    /// Asks the database a question.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        question: impl Fn(&mut Reader) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Problem> {
        Ok(self.app.store.read(question).await?)
    }
}
