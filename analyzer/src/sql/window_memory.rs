//! Memory of windows whose frame has no end: DataFusion collects all their rows (`WindowAggExec`, as of 55) and
//! counts none of them, so one query could take all memory that there is.

use std::{fmt, sync::Arc};

use arrow::{
    array::{Array, RecordBatch},
    datatypes::DataType,
};
use datafusion::{
    common::{
        config::ConfigOptions,
        internal_err,
        tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion},
    },
    error::Result,
    execution::{
        SendableRecordBatchStream, TaskContext,
        memory_pool::{MemoryConsumer, MemoryReservation},
    },
    physical_expr::PhysicalExpr,
    physical_optimizer::PhysicalOptimizerRule,
    physical_plan::{
        ChildrenPropertiesMode, DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties, ReplaceChildrenOptions,
        stream::RecordBatchStreamAdapter, windows::WindowAggExec,
    },
};
use futures::StreamExt;

use super::size_limit::bytes::total;

/// What is collected is joined to one batch, and both are there meanwhile.
const COPIES: usize = 2;

/// Puts [`Counted`] around such windows. To be the last rule: it changes nothing that others look at.
#[derive(Debug)]
pub(super) struct CountWindows;

impl PhysicalOptimizerRule for CountWindows {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|plan| match plan.is::<WindowAggExec>() {
            true => Ok(Transformed::yes(Arc::new(Counted { input: plan, reservation: None }) as _)),
            false => Ok(Transformed::no(plan)),
        })
        .data()
    }

    fn name(&self) -> &'static str {
        "CountWindows"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// Around a window, or for its time around what goes into it: the window lets go of its input once it has all of it,
/// and of the rows only at its own end.
#[derive(Debug)]
struct Counted {
    input: Arc<dyn ExecutionPlan>,
    /// Where the rows are counted that go into the window; `None` around the window itself.
    reservation: Option<Arc<MemoryReservation>>,
}

/// Bytes of a batch on its own. The values of a dictionary are those of many batches.
fn bytes(rows: &RecordBatch) -> usize {
    let of_column = |column: &Arc<dyn Array>| match column.data_type() {
        DataType::Dictionary(key, _) => column.len() * key.primitive_width().unwrap_or_default(),
        _ => total(&**column),
    };
    rows.columns().iter().map(of_column).sum()
}

impl DisplayAs for Counted {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Counted")
    }
}

impl ExecutionPlan for Counted {
    fn name(&self) -> &'static str {
        "Counted"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.input.properties()
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        match (children.pop(), children.is_empty()) {
            (Some(input), true) => Ok(Arc::new(Self { input, reservation: self.reservation.clone() })),
            _ => internal_err!("rows are counted of one input"),
        }
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        self.replace_children(children, ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let rows = match &self.reservation {
            Some(reservation) => {
                let reservation = Arc::clone(reservation);
                let count = move |rows: &RecordBatch| reservation.try_grow(COPIES * bytes(rows));
                let rows = self.input.execute(partition, context)?;
                rows.map(move |rows| rows.and_then(|rows| count(&rows).map(|()| rows))).boxed()
            }
            None => {
                let reservation = Arc::new(MemoryConsumer::new("Window").register(context.memory_pool()));
                let counted = |input: &Arc<dyn ExecutionPlan>| -> Arc<dyn ExecutionPlan> {
                    Arc::new(Self { input: Arc::clone(input), reservation: Some(Arc::clone(&reservation)) })
                };
                let inputs = self.input.children().into_iter().map(counted).collect();
                let options = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute);
                let window = Arc::clone(&self.input).replace_children(inputs, options)?;
                let rows = window.execute(partition, context)?;
                let held = move |rows| {
                    // Given back with this stream, which ends with the window.
                    let _reservation = &reservation;
                    rows
                };
                rows.map(held).boxed()
            }
        };
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), rows)))
    }
}
