//! The physical plan of a scan.

use std::{fmt, sync::Arc};

use arrow::datatypes::SchemaRef;
use datafusion::{
    common::{config::ConfigOptions, internal_err, tree_node::TreeNodeRecursion},
    error::Result,
    execution::{SendableRecordBatchStream, TaskContext},
    physical_expr::{EquivalenceProperties, PhysicalExpr},
    physical_plan::{
        ChildrenPropertiesMode, DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PlanProperties,
        ReplaceChildrenOptions,
        execution_plan::{Boundedness, EmissionType},
        filter_pushdown::{ChildPushdownResult, FilterPushdownPhase, FilterPushdownPropagation},
        metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet},
        stream::RecordBatchStreamAdapter,
    },
};
use futures::StreamExt;
use roaring::RoaringBitmap;

use super::{emit::Emitter, floor::rising, rows::Reader, sources::Source};
use crate::{
    data_file::{Rising, Selection},
    merge::Batches,
    store::Shared,
    time_range::TimeRange,
};

/// Reads the selected rows of one table.
#[derive(Debug)]
pub(crate) struct SeriesScan {
    table: String,
    emitter: Arc<Emitter>,
    reader: Reader,
    shared: Arc<Shared>,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl SeriesScan {
    pub(crate) fn new(
        (shared, table): (Arc<Shared>, String),
        (emitter, schema): (Emitter, SchemaRef),
        reader: Reader,
    ) -> Self {
        let properties = PlanProperties::new(
            EquivalenceProperties::new(schema),
            Partitioning::UnknownPartitioning(reader.partitions.len()),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        let (emitter, properties) = (Arc::new(emitter), Arc::new(properties));
        Self { table, emitter, reader, shared, properties, metrics: ExecutionPlanMetricsSet::new() }
    }

    /// The same scan, to be run by another plan.
    pub(crate) fn again(&self) -> Self {
        Self {
            table: self.table.clone(),
            emitter: Arc::clone(&self.emitter),
            reader: self.reader.clone(),
            shared: Arc::clone(&self.shared),
            properties: Arc::clone(&self.properties),
            metrics: ExecutionPlanMetricsSet::new(),
        }
    }

    /// The same scan, which wants less and less of time.
    fn rising(&self, rising: &Rising) -> Self {
        let mut scan = self.again();
        scan.reader.partitions.iter_mut().for_each(|part| part.rising = Some(rising.clone()));
        scan
    }

    pub(crate) fn emitter(&self) -> &Emitter {
        &self.emitter
    }

    pub(crate) fn reader(&self) -> &Reader {
        &self.reader
    }

    /// Series of a partition that surely have a wanted row, and those of which that must be looked up.
    pub(crate) fn known(&self, partition: &Selection) -> (RoaringBitmap, RoaringBitmap) {
        if !self.reader.filters.is_empty() {
            return (RoaringBitmap::new(), RoaringBitmap::clone(&partition.series));
        }
        let sources = self.reader.clusters.iter().flat_map(|cluster| &cluster.0);
        let without_rows = sources.filter(|source| !source.has_rows()).map(|source| source.time().max).max();
        let from = without_rows.map_or(i64::MIN, |time| time.saturating_add(1));
        let with_rows = TimeRange { min: partition.time.min.max(from), ..partition.time };
        let state = self.shared.state();
        let there = state.last_times.surely_within(&partition.series, with_rows);
        let gone = state.last_times.surely_before(&partition.series, partition.time.min);
        let unknown = &*partition.series - &there - gone;
        (there, unknown)
    }

    /// The stored rows of a partition.
    pub(crate) fn rows(&self, partition: usize) -> Result<Batches> {
        let count = self.reader.partitions.len();
        self.reader.rows(partition).map_or_else(|| internal_err!("partition {partition} of {count}"), Ok)
    }
}

impl DisplayAs for SeriesScan {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let clusters = || self.reader.clusters.iter();
        let files = clusters().flat_map(|cluster| &cluster.0).filter(|source| matches!(source, Source::File(..)));
        let (files, sources) = (files.count(), clusters().map(|cluster| cluster.0.len()).sum::<usize>());
        let merged: usize = clusters().map(|cluster| cluster.0.len()).filter(|sources| *sources > 1).sum();
        write!(
            f,
            "SeriesScan: table={}, series={}, files={files}, chunks={}, merged={merged}, filters={}",
            self.table,
            self.reader.partitions.iter().map(|part| part.series.len()).sum::<u64>(),
            sources - files,
            self.reader.filters.len(),
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
        let (emitter, metrics) = (Arc::clone(&self.emitter), BaselineMetrics::new(&self.metrics, partition));
        let output = self.rows(partition)?.map(move |batch| {
            let emitted = emitter.emit(&batch?)?;
            metrics.record_output(emitted.num_rows());
            Ok(emitted)
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), futures::stream::iter(output).boxed())))
    }

    /// Predicates that change while the query runs, of `ORDER BY time DESC LIMIT n`, spare reading. They are
    /// asked above all the same.
    fn handle_child_pushdown_result(
        &self,
        phase: FilterPushdownPhase,
        result: ChildPushdownResult,
        _: &ConfigOptions,
    ) -> Result<FilterPushdownPropagation<Arc<dyn ExecutionPlan>>> {
        let mut filters = result.parent_filters.iter();
        let rising = match phase {
            FilterPushdownPhase::Post => filters.find_map(|filter| rising(&filter.filter, &self.emitter)),
            FilterPushdownPhase::Pre => None,
        };
        let mut propagation = FilterPushdownPropagation::all_unsupported(result);
        propagation.updated_node = rising.map(|rising| Arc::new(self.rising(&rising)) as _);
        Ok(propagation)
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }
}
