//! The physical plan of an aggregation.

use std::{fmt, sync::Arc};

use arrow::{
    array::{AsArray, RecordBatch, RecordBatchOptions},
    datatypes::{Int64Type, SchemaRef},
};
use datafusion::{
    common::{internal_err, tree_node::TreeNodeRecursion},
    error::{DataFusionError, Result},
    execution::{SendableRecordBatchStream, TaskContext, memory_pool::MemoryConsumer},
    physical_expr::{EquivalenceProperties, PhysicalExpr},
    physical_plan::{
        ChildrenPropertiesMode, DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PlanProperties,
        ReplaceChildrenOptions,
        execution_plan::{Boundedness, EmissionType},
        metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet},
        stream::RecordBatchStreamAdapter,
    },
};
use futures::{StreamExt, TryStreamExt};

use super::{
    call::{Argument, Call, Folded, Function},
    grid::{Grid, segments},
};
use crate::{fields::TIME_COLUMN, merge::BATCH_ROWS, scan::exec::SeriesScan};

/// Folds the rows of a scan into cells.
#[derive(Debug)]
pub(super) struct SeriesAggregate {
    scan: Arc<SeriesScan>,
    grid: Arc<Grid>,
    calls: Vec<Call>,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl SeriesAggregate {
    /// With the `schema` of DataFusion's own partial aggregation.
    pub(super) fn new(scan: Arc<SeriesScan>, grid: Grid, calls: Vec<Call>, schema: SchemaRef) -> Self {
        let properties = PlanProperties::new(
            EquivalenceProperties::new(schema),
            Partitioning::UnknownPartitioning(scan.properties().partitioning.partition_count()),
            EmissionType::Final,
            Boundedness::Bounded,
        );
        let (grid, properties) = (Arc::new(grid), Arc::new(properties));
        Self { scan, grid, calls, properties, metrics: ExecutionPlanMetricsSet::new() }
    }
}

/// The cells of one partition.
struct Cells {
    rows: Folded,
    calls: Vec<Folded>,
}

impl Cells {
    fn fold(&mut self, grid: &Grid, scan: &SeriesScan, rows: &RecordBatch) -> Result<()> {
        let times = rows.column(TIME_COLUMN).as_primitive::<Int64Type>().values();
        let segments = segments(grid, scan.emitter(), rows, times)?;
        self.rows.fold(rows, &segments);
        self.calls.iter_mut().for_each(|call| call.fold(rows, &segments));
        Ok(())
    }

    /// Folds from the latest rows on, until no older ones can count.
    async fn fold_latest(&mut self, grid: &Grid, scan: &SeriesScan, partition: usize) -> Result<()> {
        let reader = scan.reader();
        let Some(mut selection) = reader.partitions.get(partition).cloned() else { return Ok(()) };
        for (latest, cluster) in reader.latest_first() {
            let wanted = selection.series.iter().filter(|id| {
                let series = scan.emitter().ids.binary_search(id);
                // What is found later than everything that is left is final.
                series.is_ok_and(|series| !self.is_final(grid.cell(series), latest))
            });
            selection.series = Arc::new(wanted.collect());
            if selection.series.is_empty() {
                break;
            }
            for rows in reader.rows_of(cluster, &selection) {
                self.fold(grid, scan, &rows?)?;
                tokio::task::yield_now().await;
            }
        }
        Ok(())
    }

    /// Whether rows up to `latest` change nothing in a cell.
    fn is_final(&self, cell: usize, latest: i64) -> bool {
        if self.calls.is_empty() {
            // Asked for is only which groups there are.
            return self.rows.count(cell) > 0;
        }
        self.calls.iter().all(|call| call.latest(cell).is_some_and(|found| found > latest))
    }

    /// What was found, as batches with `schema`.
    fn batches(&self, grid: &Grid, scan: &SeriesScan, schema: &SchemaRef) -> Result<Vec<RecordBatch>> {
        let is_there = |cell: &usize| grid.is_whole() || self.rows.count(*cell) > 0;
        let cells: Vec<usize> = (0..grid.cells()).filter(is_there).collect();
        let batch = |cells: &[usize]| {
            let mut columns = grid.columns(scan.emitter(), cells)?;
            columns.extend(self.calls.iter().flat_map(|call| call.states(cells)));
            let options = RecordBatchOptions::new().with_row_count(Some(cells.len()));
            Ok(RecordBatch::try_new_with_options(SchemaRef::clone(schema), columns, &options)?)
        };
        cells.chunks(BATCH_ROWS).map(batch).collect()
    }
}

impl DisplayAs for SeriesAggregate {
    fn fmt_as(&self, form: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SeriesAggregate: cells={}, calls={}, ", self.grid.cells(), self.calls.len())?;
        self.scan.fmt_as(form, f)
    }
}

impl ExecutionPlan for SeriesAggregate {
    fn name(&self) -> &'static str {
        "SeriesAggregate"
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
        if children.is_empty() { Ok(self) } else { internal_err!("an aggregation of a scan has no children") }
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        self.replace_children(children, ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let (scan, grid, calls) = (Arc::clone(&self.scan), Arc::clone(&self.grid), self.calls.clone());
        let metrics = BaselineMetrics::new(&self.metrics, partition);
        let schema = self.schema();
        let work = async move {
            let bytes: usize = calls.iter().map(|call| call.cell_bytes() * grid.cells()).sum();
            let reservation = MemoryConsumer::new("SeriesAggregate").register(context.memory_pool());
            reservation.try_grow(bytes + grid.cells() * size_of::<u64>())?;
            let count = Call { function: Function::Count, argument: Argument::Rows };
            let folded = |call: &Call| Folded::new(*call, grid.cells());
            let mut cells = Cells { rows: folded(&count), calls: calls.iter().map(folded).collect() };
            if grid.is_timeless() && calls.iter().all(|call| call.is_of_the_latest()) {
                cells.fold_latest(&grid, &scan, partition).await?;
            } else {
                for rows in scan.rows(partition)? {
                    cells.fold(&grid, &scan, &rows?)?;
                    // So that a query that nobody waits for any more stops.
                    tokio::task::yield_now().await;
                }
            }
            let batches = cells.batches(&grid, &scan, &schema)?;
            metrics.record_output(batches.iter().map(RecordBatch::num_rows).sum());
            Ok::<_, DataFusionError>(futures::stream::iter(batches.into_iter().map(Ok)))
        };
        let stream = futures::stream::once(work).try_flatten();
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), stream.boxed())))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }
}
