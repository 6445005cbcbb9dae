//! The engine behind the collector's sink.

use std::{path::Path, sync::Arc};

use async_trait::async_trait;
use weir_collector::sink::{Sink, SinkError, Written};
use weir_model::observation::Rows;

#[derive(Debug)]
struct Nothing;

#[async_trait]
impl Sink for Nothing {
    async fn write(&self, batch: Vec<Rows>) -> Result<Written, SinkError> {
        Ok(Written { rows: batch.iter().map(|rows| rows.len() as u64).sum(), rejected: vec![] })
    }
}

pub(crate) fn open(_: &Path) -> anyhow::Result<Arc<dyn Sink>> {
    Ok(Arc::new(Nothing))
}
