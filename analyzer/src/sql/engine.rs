//! Running queries.

use std::{error::Error, sync::Arc};

use datafusion::{
    catalog::{TableFunctionImpl, TableProvider},
    common::{TableReference, tree_node::TreeNodeRecursion},
    error::DataFusionError,
    execution::{
        SessionStateBuilder,
        disk_manager::{DiskManagerBuilder, DiskManagerMode},
        memory_pool::{FairSpillPool, TrackConsumersPool},
        runtime_env::RuntimeEnvBuilder,
        session_state::SessionState,
    },
    logical_expr::{AggregateUDF, LogicalPlan, ScalarUDF},
    physical_optimizer::{PhysicalOptimizerRule, optimizer::PhysicalOptimizer},
    physical_plan::{SendableRecordBatchStream, execute_stream},
    prelude::{SessionConfig, SessionContext},
    sql::parser::Statement,
};
use futures::StreamExt;
use tokio::{
    runtime::{Builder, Handle, Runtime},
    sync::{Semaphore, mpsc, oneshot},
    time::{Instant, timeout, timeout_at},
};
use weir_model::observation::TableName;

use super::{
    QueryLimits, QueryResult, SqlError, StopOnDrop, cardinality,
    catalog_view::{CATALOG, CatalogView, DEFAULT_SCHEMA},
    computed::Computed,
    functions,
    nearest::nearest,
    read_only::{check_plan, check_statement},
    row_choice,
    running::Running,
    size_limit,
    slow_queries::{self, SlowQueries},
    window_memory::CountWindows,
};
use crate::{aggregate::pushdown::AggregatePushdown, data_file::Selection, history, store::Shared};

#[cfg(test)]
mod tests;

/// DataFusion's rules between ours: scans take over what they can do before anything is put in between, and what
/// counts memory is put in last.
fn physical_rules() -> Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>> {
    let mut rules: Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>> = vec![Arc::new(AggregatePushdown)];
    rules.extend(PhysicalOptimizer::new().rules);
    rules.push(Arc::new(CountWindows));
    rules
}

/// Threads for queries, per partition that plans have. Writers and the rest of the daemon have their own, so a heavy
/// query slows down only queries; and as one that decodes a file keeps its threads for milliseconds, there are others
/// for those that come meanwhile.
const THREADS_PER_PARTITION: usize = 2;
/// Batches that wait for whoever reads the answer.
const BATCHES_AHEAD: usize = 2;
/// How many of the largest consumers an error about memory names.
const CONSUMERS_NAMED: usize = 3;
/// SQL text is short; a list of 10,000 names in IN (...) is 300 KB.
const TEXT_BYTES_MAX: usize = 1 << 20;

/// Plans and runs queries.
#[derive(Debug)]
pub(crate) struct Engine {
    shared: Arc<Shared>,
    view: CatalogView,
    context: SessionContextHandle,
    slow: Arc<SlowQueries>,
    turns: Arc<Semaphore>,
    /// Plans and runs queries. Taken out when the engine is dropped, as is the next.
    workers: Option<Runtime>,
    /// Watches them: an operator of DataFusion may keep a worker busy for long without a pause, and
    /// the time limit must hold all the same.
    watch: Option<Runtime>,
}

/// The session that all queries begin with.
struct SessionContextHandle(SessionContext);

impl std::fmt::Debug for SessionContextHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SessionContext")
    }
}

/// What one query needs.
struct Query {
    shared: Arc<Shared>,
    view: CatalogView,
    context: SessionContext,
    slow: Arc<SlowQueries>,
    text: String,
    limits: QueryLimits,
}

impl Engine {
    pub(crate) fn new(shared: Arc<Shared>) -> Result<Self, Box<dyn Error + Send + Sync>> {
        let limits = &shared.settings.limits;
        let pool = FairSpillPool::new(limits.query_memory_bytes);
        let named = std::num::NonZeroUsize::new(CONSUMERS_NAMED).ok_or("no consumers are named")?;
        let disk = DiskManagerBuilder::default()
            .with_mode(DiskManagerMode::Directories(vec![shared.layout.spill()]))
            .with_max_temp_directory_size(limits.spill_bytes);
        let environment = RuntimeEnvBuilder::new()
            .with_memory_pool(Arc::new(TrackConsumersPool::new(pool, named)))
            .with_disk_manager_builder(disk)
            .build_arc()?;
        let partitions = shared.settings.query_partitions;
        let config = SessionConfig::new()
            .with_default_catalog_and_schema(CATALOG, DEFAULT_SCHEMA)
            .with_create_default_catalog_and_schema(false)
            .with_information_schema(true)
            .with_target_partitions(partitions);
        let state = SessionStateBuilder::new()
            .with_config(config)
            .with_runtime_env(environment)
            .with_default_features()
            .with_physical_optimizer_rules(physical_rules())
            .build();
        let context = SessionContext::new_with_state(state);
        functions::register(&context);
        size_limit::register(&context);
        let view = CatalogView::new(Arc::clone(&shared));
        context.register_catalog(CATALOG, Arc::new(view.clone()));
        let slow = Arc::new(SlowQueries::default());
        let (counted, remembered) = (Arc::clone(&shared), Arc::clone(&slow));
        let cardinality = Computed::new(move || cardinality::rows(&counted))?;
        view.register(cardinality::SCHEMA, cardinality::NAME, Arc::new(cardinality));
        let slow_queries = Computed::new(move || remembered.rows())?;
        view.register(slow_queries::SCHEMA, slow_queries::NAME, Arc::new(slow_queries));
        let threads = |count, name: &str| {
            Builder::new_multi_thread().worker_threads(count).thread_name(name).enable_all().build()
        };
        let (workers, watch) =
            (Some(threads(THREADS_PER_PARTITION * partitions, "weir-sql")?), Some(threads(1, "weir-sql-watch")?));
        let turns = Arc::new(Semaphore::new(limits.concurrent_queries));
        Ok(Self { shared, view, context: SessionContextHandle(context), slow, turns, workers, watch })
    }

    pub(crate) fn register_table(&self, schema: &str, name: &str, table: Arc<dyn TableProvider>) {
        self.view.register(schema, name, table);
    }

    pub(crate) fn register_udf(&self, function: ScalarUDF) {
        self.context.0.register_udf(function);
    }

    pub(crate) fn register_udaf(&self, function: AggregateUDF) {
        self.context.0.register_udaf(function);
    }

    pub(crate) fn register_udtf(&self, name: &str, function: Arc<dyn TableFunctionImpl>) {
        self.context.0.register_udtf(name, function);
    }

    /// Starts a query on the engine's own threads and answers once its columns are known.
    pub(crate) async fn sql(&self, text: &str, limits: QueryLimits) -> Result<QueryResult, SqlError> {
        let (Some(workers), Some(watch)) = (&self.workers, &self.watch) else { return Err(SqlError::Closed) };
        self.shared.counters.queries.add(1);
        let query = Query {
            shared: Arc::clone(&self.shared),
            view: self.view.clone(),
            context: self.context.0.clone(),
            slow: Arc::clone(&self.slow),
            text: text.to_owned(),
            limits,
        };
        let (batches, received) = mpsc::channel(BATCHES_AHEAD);
        let (started, starting) = oneshot::channel();
        let (turns, workers) = (Arc::clone(&self.turns), workers.handle().clone());
        let task = watch.spawn(Arc::new(query).watch(turns, workers, started, batches));
        let guard = StopOnDrop(task.abort_handle());
        let schema = starting.await.unwrap_or(Err(SqlError::Closed))?;
        Ok(QueryResult { schema, batches: received, query: guard })
    }
}

impl Engine {
    /// The rows of a stored table that satisfy a predicate over labels and time.
    pub(crate) async fn choose_rows(
        &self,
        table: &str,
        predicate: Option<&str>,
    ) -> Result<(TableName, Selection), SqlError> {
        let Some(workers) = &self.workers else { return Err(SqlError::Closed) };
        let (state, shared) = (self.context.0.state(), Arc::clone(&self.shared));
        let (table, predicate) = (table.to_owned(), predicate.map(str::to_owned));
        if predicate.as_ref().is_some_and(|predicate| predicate.len() > TEXT_BYTES_MAX) {
            return Err(SqlError::Invalid(format!("the condition is longer than {TEXT_BYTES_MAX} bytes")));
        }
        let after = QueryLimits::default().timeout;
        let choosing = async move { row_choice::choose(&state, &shared, &table, predicate.as_deref()) };
        on(workers.handle(), Instant::now() + after, choosing).await.unwrap_or(Err(SqlError::Timeout { after }))
    }
}

impl Drop for Engine {
    /// Stops all queries without waiting, which may not be done where async code runs.
    fn drop(&mut self) {
        for runtime in [self.watch.take(), self.workers.take()].into_iter().flatten() {
            runtime.shutdown_background();
        }
    }
}

type Started = oneshot::Sender<Result<arrow::datatypes::SchemaRef, SqlError>>;
type Batches = mpsc::Sender<Result<arrow::array::RecordBatch, SqlError>>;

impl Query {
    /// Waits for a turn, has the query run on `workers`, and stops it when its time is up.
    async fn watch(self: Arc<Self>, turns: Arc<Semaphore>, workers: Handle, started: Started, batches: Batches) {
        let limits = &self.shared.settings.limits;
        let Ok(Ok(turn)) = timeout(limits.query_queue_wait, turns.acquire_owned()).await else {
            self.shared.counters.queries_refused.add(1);
            // Whoever asked may have stopped waiting; so below.
            return started.send(Err(SqlError::Busy { running: limits.concurrent_queries })).unwrap_or_default();
        };
        let deadline = Instant::now() + self.limits.timeout;
        let too_long = || SqlError::Timeout { after: self.limits.timeout };
        // The turn and the count end with the work, however it ends.
        let running = Arc::new(Running::new(&self.shared, &self.slow, &self.text));
        let held = Arc::new((turn, Arc::clone(&running)));
        let (query, planning_held) = (Arc::clone(&self), Arc::clone(&held));
        let planning = async move {
            let _held = planning_held;
            query.start().await
        };
        match on(&workers, deadline, planning).await.unwrap_or_else(|| Err(too_long())) {
            Err(error) => {
                self.count(&error);
                running.fail(&error);
                started.send(Err(error)).unwrap_or_default();
            }
            Ok(stream) => {
                if started.send(Ok(stream.schema())).is_err() {
                    return;
                }
                let (query, answer, counted) = (Arc::clone(&self), batches.clone(), Arc::clone(&running));
                let forwarding = async move {
                    let _held = held;
                    query.forward(stream, &answer, &counted).await
                };
                if let Err(error) = on(&workers, deadline, forwarding).await.unwrap_or_else(|| Err(too_long())) {
                    self.count(&error);
                    running.fail(&error);
                    // Whoever does not read is not waited for by the count.
                    drop(running);
                    batches.send(Err(error)).await.unwrap_or_default();
                }
            }
        }
    }

    fn count(&self, error: &SqlError) {
        let counters = &self.shared.counters;
        match error {
            SqlError::ReadOnly { .. } => counters.queries_refused.add(1),
            _ => counters.queries_failed.add(1),
        }
    }

    async fn start(&self) -> Result<SendableRecordBatchStream, SqlError> {
        if self.text.len() > TEXT_BYTES_MAX {
            return Err(SqlError::Invalid(format!("the query is longer than {TEXT_BYTES_MAX} bytes")));
        }
        let mut state = self.context.state();
        let plan = self.plan(&state).await?;
        if is_plain(&plan) {
            // A second pass is for predicates that the first one brought to where more can be made of them.
            state.config_mut().options_mut().optimizer.max_passes = 1;
        }
        let run = async {
            let physical = state.create_physical_plan(&plan).await?;
            execute_stream(physical, state.task_ctx())
        };
        run.await.map_err(|error: DataFusionError| SqlError::from_datafusion(&error))
    }

    async fn plan(&self, state: &SessionState) -> Result<LogicalPlan, SqlError> {
        let invalid = |error: DataFusionError| SqlError::from_datafusion(&error);
        size_limit::check_text(&self.text)?;
        let dialect = state.config_options().sql_parser.dialect;
        let statement = state.sql_to_statement(&self.text, &dialect).map_err(invalid)?;
        check_statement(&statement)?;
        let unknown = || self.unknown_table(state, &statement);
        let plan = state.statement_to_plan(statement.clone()).await;
        let plan = plan.map_err(|error| unknown().unwrap_or_else(|| SqlError::from_datafusion(&error)))?;
        check_plan(&plan)?;
        size_limit::guard(plan)
    }

    /// The first table of a statement that does not exist, when there is one.
    fn unknown_table(&self, state: &SessionState, statement: &Statement) -> Option<SqlError> {
        let tables = self.view.tables();
        let references = state.resolve_table_references(statement).ok()?;
        references.into_iter().find_map(|reference: TableReference| {
            let (schema, name) = (reference.schema().unwrap_or(DEFAULT_SCHEMA), reference.table());
            let known = schema == "information_schema"
                || tables.contains(&(schema.to_owned(), name.to_owned()))
                || state.table_functions().contains_key(name);
            let shown = |(schema, name): &(String, String)| {
                if schema == DEFAULT_SCHEMA { name.clone() } else { format!("{schema}.{name}") }
            };
            (!known).then(|| {
                if schema == history::SCHEMA && self.view.waits_for_history() {
                    return SqlError::Failed("ClickHouse has not answered since the start".into());
                }
                let asked = shown(&(schema.to_owned(), name.to_owned()));
                SqlError::UnknownTable { nearest: nearest(&asked, tables.iter().map(shown)), name: asked }
            })
        })
    }

    async fn forward(
        &self,
        mut stream: SendableRecordBatchStream,
        batches: &Batches,
        running: &Running,
    ) -> Result<(), SqlError> {
        let mut rows = 0;
        while let Some(batch) = stream.next().await {
            let batch = batch.map_err(|error| SqlError::from_datafusion(&error))?;
            rows += batch.num_rows();
            if rows > self.limits.rows {
                return Err(SqlError::TooManyRows { limit: self.limits.rows });
            }
            running.has_rows(rows);
            if batches.send(Ok(batch)).await.is_err() {
                return Ok(());
            }
        }
        running.finish();
        Ok(())
    }
}

/// Whether a plan reads one table, and asks of its rows and nothing else before it aggregates.
fn is_plain(plan: &LogicalPlan) -> bool {
    let (mut tables, mut is_plain) = (0, true);
    let is_table = |plan: &LogicalPlan| match plan {
        LogicalPlan::SubqueryAlias(alias) => matches!(&*alias.input, LogicalPlan::TableScan(_)),
        plan => matches!(plan, LogicalPlan::TableScan(_)),
    };
    let walked = plan.apply_with_subqueries(|node| {
        match node {
            LogicalPlan::TableScan(_) => tables += 1,
            LogicalPlan::Filter(filter) => is_plain &= is_table(&filter.input),
            _ => {}
        }
        Ok(TreeNodeRecursion::Continue)
    });
    walked.is_ok() && is_plain && tables <= 1
}

/// Runs `work` on `workers`, until `deadline`: `None` when it is not done by then. Work that nobody waits
/// for any more is stopped.
async fn on<T: Send + 'static>(
    workers: &Handle,
    deadline: Instant,
    work: impl Future<Output = Result<T, SqlError>> + Send + 'static,
) -> Option<Result<T, SqlError>> {
    let task = workers.spawn(work);
    let _stop = StopOnDrop(task.abort_handle());
    let done = timeout_at(deadline, task).await.ok()?;
    Some(done.unwrap_or_else(|panic| Err(SqlError::Failed(panic.to_string()))))
}
