//! The physical plan of an aggregation.

use std::{fmt, sync::Arc};

use arrow::{
    array::{AsArray, RecordBatch, RecordBatchOptions},
    datatypes::{Int64Type, SchemaRef},
};
use datafusion::{
    common::{internal_err, runtime::SpawnedTask, tree_node::TreeNodeRecursion},
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
use roaring::RoaringBitmap;

use super::{
    call::{Argument, Call, Folded, Function},
    grid::{Grid, segments},
    rolled::{Piece, Rolled},
};
use crate::{data_file::Selection, fields::TIME_COLUMN, merge::BATCH_ROWS, scan::exec::SeriesScan};

/// Folds the rows of a scan into cells.
#[derive(Debug)]
pub(super) struct SeriesAggregate {
    work: Arc<Work>,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

/// What is folded, and how.
#[derive(Debug)]
struct Work {
    scan: SeriesScan,
    grid: Grid,
    calls: Vec<Call>,
    /// How rollups are folded; `None` where they do not say enough.
    rolled: Option<Rolled>,
}

impl SeriesAggregate {
    /// With the `schema` of DataFusion's own final aggregation.
    pub(super) fn new(scan: SeriesScan, grid: Grid, calls: Vec<Call>, schema: SchemaRef) -> Self {
        let properties = PlanProperties::new(
            EquivalenceProperties::new(schema),
            Partitioning::UnknownPartitioning(1),
            EmissionType::Final,
            Boundedness::Bounded,
        );
        let rolled = Rolled::new(&calls, &grid, scan.reader());
        let work = Arc::new(Work { scan, grid, calls, rolled });
        Self { work, properties: Arc::new(properties), metrics: ExecutionPlanMetricsSet::new() }
    }
}

/// What rows were folded into.
struct Cells {
    rows: Folded,
    calls: Vec<Folded>,
}

impl Cells {
    fn join(mut self, other: &Self) -> Self {
        self.rows.join(&other.rows);
        self.calls.iter_mut().zip(&other.calls).for_each(|(call, other)| call.join(other));
        self
    }

    /// Whether rows up to `latest` change nothing in a cell.
    fn is_final(&self, cell: usize, latest: i64) -> bool {
        if self.calls.is_empty() {
            // Asked for is only which groups there are.
            return self.rows.count(cell) > 0;
        }
        self.calls.iter().all(|call| call.latest(cell).is_some_and(|found| found > latest))
    }
}

impl Work {
    fn partitions(&self) -> usize {
        self.scan.reader().partitions.len()
    }

    /// What the cells of one partition take.
    fn bytes(&self) -> usize {
        let calls: usize = self.calls.iter().map(|call| call.cell_bytes()).sum();
        (calls + size_of::<u64>()) * self.grid.cells()
    }

    fn cells(&self) -> Cells {
        let count = Call { function: Function::Count, argument: Argument::Rows };
        let folded = |call: &Call| Folded::new(*call, self.grid.cells());
        Cells { rows: folded(&count), calls: self.calls.iter().map(folded).collect() }
    }

    /// Folds the rows of a partition.
    async fn of_partition(&self, partition: usize) -> Result<Cells> {
        let mut cells = self.cells();
        let Some(selection) = self.scan.reader().partitions.get(partition) else { return Ok(cells) };
        if self.grid.is_timeless() && self.calls.iter().all(|call| call.is_of_the_latest()) {
            self.fold_latest(&mut cells, selection.clone()).await?;
            return Ok(cells);
        }
        let reader = self.scan.reader();
        for cluster in 0..reader.clusters.len() {
            let pieces = match &self.rolled {
                Some(rolled) => rolled.pieces(&reader.clusters[cluster], selection),
                None => vec![Piece::Rows(selection.clone())],
            };
            for piece in pieces {
                match (piece, &self.rolled) {
                    (Piece::Bins(file, mask, selection), Some(rolled)) => {
                        for bins in rolled.bins(reader, (&file, &mask), &selection)? {
                            self.fold_bins(&mut cells, rolled, &bins?)?;
                            tokio::task::yield_now().await;
                        }
                    }
                    (Piece::Rows(selection) | Piece::Bins(_, _, selection), _) => {
                        for rows in reader.rows_of(cluster, &selection) {
                            self.fold(&mut cells, &rows?)?;
                            // So that a query that nobody waits for any more stops.
                            tokio::task::yield_now().await;
                        }
                    }
                }
            }
        }
        Ok(cells)
    }

    fn fold(&self, cells: &mut Cells, rows: &RecordBatch) -> Result<()> {
        let times = rows.column(TIME_COLUMN).as_primitive::<Int64Type>().values();
        let segments = segments(&self.grid, self.scan.emitter(), rows, times)?;
        cells.rows.fold(rows, &segments);
        cells.calls.iter_mut().for_each(|call| call.fold(rows, &segments));
        Ok(())
    }

    fn fold_bins(&self, cells: &mut Cells, rolled: &Rolled, bins: &RecordBatch) -> Result<()> {
        let times = bins.column(TIME_COLUMN).as_primitive::<Int64Type>().values();
        let segments = segments(&self.grid, self.scan.emitter(), bins, times)?;
        rolled.fold(bins, &segments, (&mut cells.rows, &mut cells.calls));
        Ok(())
    }

    /// Folds from the latest rows on, until no older ones can count.
    async fn fold_latest(&self, cells: &mut Cells, mut selection: Selection) -> Result<()> {
        let reader = self.scan.reader();
        if self.calls.is_empty() {
            // Asked for is only which groups there are: most of it is known without a look at rows.
            let (there, unknown) = self.scan.known(&selection);
            self.places(&there).for_each(|(_, cell)| cells.rows.add_one(cell));
            selection.series = Arc::new(unknown);
        }
        let mut wanted: Vec<(u32, usize)> = self.places(&selection.series).collect();
        for (latest, cluster) in reader.latest_first() {
            // What is found later than everything that is left is final.
            wanted.retain(|(_, cell)| !cells.is_final(*cell, latest));
            if wanted.is_empty() {
                break;
            }
            selection.series = Arc::new(wanted.iter().map(|(series, _)| *series).collect());
            for rows in reader.rows_of(cluster, &selection) {
                self.fold(cells, &rows?)?;
                tokio::task::yield_now().await;
            }
        }
        Ok(())
    }

    /// Series of the scan with the cell that each is in, when time does not tell groups apart.
    fn places(&self, series: &RoaringBitmap) -> impl Iterator<Item = (u32, usize)> {
        let ids = &self.scan.emitter().ids;
        let mut at = 0;
        series.iter().map(move |series| {
            at += ids[at..].iter().take_while(|id| **id < series).count();
            (series, self.grid.cell(at))
        })
    }

    /// All partitions, each on a task of its own.
    async fn of_all(self: &Arc<Self>) -> Result<Cells> {
        let others = (1..self.partitions()).map(|partition| {
            let work = Arc::clone(self);
            SpawnedTask::spawn(async move { work.of_partition(partition).await })
        });
        // All of them run while this one does.
        let others: Vec<_> = others.collect();
        let mut cells = self.of_partition(0).await?;
        for other in others {
            let found = other.join().await.map_err(|error| DataFusionError::ExecutionJoin(Box::new(error)))?;
            cells = cells.join(&found?);
        }
        Ok(cells)
    }

    /// What was found, as batches with `schema`.
    fn batches(&self, found: &Cells, schema: &SchemaRef) -> Result<Vec<RecordBatch>> {
        let is_there = |cell: &usize| self.grid.is_whole() || found.rows.count(*cell) > 0;
        let cells: Vec<usize> = (0..self.grid.cells()).filter(is_there).collect();
        let batch = |cells: &[usize]| {
            let mut columns = self.grid.columns(self.scan.emitter(), cells)?;
            columns.extend(found.calls.iter().map(|call| call.results(cells)));
            let options = RecordBatchOptions::new().with_row_count(Some(cells.len()));
            Ok(RecordBatch::try_new_with_options(SchemaRef::clone(schema), columns, &options)?)
        };
        cells.chunks(BATCH_ROWS).map(batch).collect()
    }
}

impl DisplayAs for SeriesAggregate {
    fn fmt_as(&self, form: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Work { scan, grid, calls, rolled } = &*self.work;
        let rollups = rolled.as_ref().map_or(0, |rolled| rolled.files(scan.reader()));
        write!(f, "SeriesAggregate: cells={}, calls={}, rollups={rollups}, ", grid.cells(), calls.len())?;
        scan.fmt_as(form, f)
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
        let (work, schema) = (Arc::clone(&self.work), self.schema());
        let metrics = BaselineMetrics::new(&self.metrics, partition);
        let found = async move {
            let reservation = MemoryConsumer::new("SeriesAggregate").register(context.memory_pool());
            reservation.try_grow(work.bytes() * work.partitions())?;
            let batches = work.batches(&work.of_all().await?, &schema)?;
            metrics.record_output(batches.iter().map(RecordBatch::num_rows).sum());
            Ok::<_, DataFusionError>(futures::stream::iter(batches.into_iter().map(Ok)))
        };
        let stream = futures::stream::once(found).try_flatten();
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), stream.boxed())))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }
}
