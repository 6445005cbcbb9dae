//! The physical plan of a scan.

use std::{fmt, path::PathBuf, sync::Arc};

use arrow::datatypes::SchemaRef;
use datafusion::{
    common::{internal_err, tree_node::TreeNodeRecursion},
    error::{DataFusionError, Result},
    execution::{SendableRecordBatchStream, TaskContext},
    physical_expr::{EquivalenceProperties, PhysicalExpr},
    physical_plan::{
        ChildrenPropertiesMode, DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PlanProperties,
        ReplaceChildrenOptions,
        execution_plan::{Boundedness, EmissionType},
        metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet},
        stream::RecordBatchStreamAdapter,
    },
};
use futures::StreamExt;

use super::{
    emit::Emitter,
    sources::{Cluster, Source, partitions},
};
use crate::data_file::Selection;

/// Reads the selected rows of one table.
#[derive(Debug)]
pub(crate) struct SeriesScan {
    table: String,
    folder: PathBuf,
    emitter: Arc<Emitter>,
    selection: Selection,
    /// Per partition what it reads, one after the other.
    partitions: Vec<Vec<Cluster>>,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl SeriesScan {
    pub(crate) fn new(
        (table, folder): (String, PathBuf),
        (emitter, schema): (Emitter, SchemaRef),
        selection: Selection,
        clusters: Vec<Cluster>,
        target_partitions: usize,
    ) -> Self {
        let partitions = partitions(clusters, target_partitions);
        let properties = PlanProperties::new(
            EquivalenceProperties::new(schema),
            Partitioning::UnknownPartitioning(partitions.len()),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        Self {
            table,
            folder,
            emitter: Arc::new(emitter),
            selection,
            partitions,
            properties: Arc::new(properties),
            metrics: ExecutionPlanMetricsSet::new(),
        }
    }
}

impl DisplayAs for SeriesScan {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let clusters = || self.partitions.iter().flatten();
        let files = clusters().flat_map(|cluster| &cluster.0).filter(|source| matches!(source, Source::File(_)));
        let (files, sources) = (files.count(), clusters().map(|cluster| cluster.0.len()).sum::<usize>());
        let merged: usize = clusters().map(|cluster| cluster.0.len()).filter(|sources| *sources > 1).sum();
        write!(
            f,
            "SeriesScan: table={}, series={}, files={files}, chunks={}, merged={merged}",
            self.table,
            self.selection.series.len(),
            sources - files,
        )
    }
}

impl ExecutionPlan for SeriesScan {
    fn name(&self) -> &'static str {
        "SeriesScan"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        if children.is_empty() { Ok(self) } else { internal_err!("a scan has no children") }
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        self.replace_children(children, ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute))
    }

    /// Decodes in the task that asks: queries have threads of their own, and files are local.
    fn execute(&self, partition: usize, _: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let Some(clusters) = self.partitions.get(partition).cloned() else {
            return internal_err!("partition {partition} of {}", self.partitions.len());
        };
        let (folder, selection) = (self.folder.clone(), self.selection.clone());
        let (reader, emitter) = (Arc::clone(&self.emitter), Arc::clone(&self.emitter));
        let metrics = BaselineMetrics::new(&self.metrics, partition);
        let batches =
            clusters.into_iter().flat_map(move |cluster| match cluster.open(&folder, &reader.fields, &selection) {
                Ok(batches) => batches,
                Err(error) => Box::new(std::iter::once(Err(error))),
            });
        let output = batches.map(move |batch| {
            let emitted = emitter.emit(&batch.map_err(DataFusionError::from)?)?;
            metrics.record_output(emitted.num_rows());
            Ok(emitted)
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), futures::stream::iter(output).boxed())))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }
}
