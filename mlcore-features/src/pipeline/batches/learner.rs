use mlcore::arrow::array::RecordBatch;
use mlcore::arrow::datatypes::SchemaRef;
use mlcore::schema::Schema;
use mlcore::{Error, Result};

use super::OPERATION;
use crate::pipeline::{ColumnTransformer, FeatureUnion, FittedPipeline, FittedStep, Pipeline, Plan, Step};
use crate::program::project;
use crate::transform::parts::agreed;
use crate::transform::{Fit as _, PartialFit, Training, Transform, Transformer, input};

/// A step that is being fitted, pass after pass.
pub(super) enum Learner<'a> {
    /// Hands its columns on: which ones, the batches say.
    Passthrough(Option<Schema>),
    Transformer(Box<PartialFit<Transformer>>),
    Pipeline(Steps<'a>),
    ColumnTransformer(Columns<'a>),
    FeatureUnion(Beside<'a>),
    Done(Box<FittedStep>),
}

impl<'a> Learner<'a> {
    pub(super) fn new(step: &'a Step) -> Result<Self> {
        Ok(match step {
            Step::Passthrough => Self::Passthrough(None),
            Step::Drop => Self::Done(Box::new(FittedStep::Drop)),
            Step::Transformer(transformer) => {
                Self::Transformer(Box::new(PartialFit::new(transformer.clone())?))
            }
            Step::Pipeline(pipeline) => Self::Pipeline(Steps::new(pipeline)?),
            Step::ColumnTransformer(columns) => Self::ColumnTransformer(Columns::new(columns)?),
            Step::Function(function) => {
                let problem = "a function of the host learns from all rows at once";
                return Err(Error::unsupported(OPERATION, function.name(), problem)
                    .remedy("fit on a table, which may be a sample of the rows"));
            }
            Step::FeatureUnion(union) => Self::FeatureUnion(Beside::new(union)?),
        })
    }

    /// Learns from more rows of this pass.
    pub(super) fn observe(&mut self, training: &Training<'_>) -> Result<()> {
        match self {
            Self::Passthrough(seen) => widen(seen, training.table()),
            Self::Transformer(fit) => fit.observe(*training),
            Self::Pipeline(steps) => steps.observe(training),
            Self::ColumnTransformer(columns) => columns.observe(training),
            Self::FeatureUnion(union) => union.observe(training),
            Self::Done(_) => Ok(()),
        }
    }

    /// Says that the pass is over; done where no other is needed.
    pub(super) fn end_pass(self) -> Result<Self> {
        let done = |step: FittedStep| Self::Done(Box::new(step));
        Ok(match self {
            Self::Passthrough(seen) => done(FittedStep::Passthrough(seen.unwrap_or_default())),
            Self::Transformer(fit) => done(fit.finish()?.into()),
            Self::Pipeline(steps) => steps.end_pass()?,
            Self::ColumnTransformer(columns) => columns.end_pass()?,
            Self::FeatureUnion(union) => union.end_pass()?,
            Self::Done(_) => self,
        })
    }
}

fn widen(seen: &mut Option<Schema>, table: &RecordBatch) -> Result<()> {
    let schema = input::schema_of(table, OPERATION)?;
    *seen = Some(match &seen {
        None => schema,
        Some(seen) => agreed(seen, &schema)?,
    });
    Ok(())
}

/// Steps one after another: those that are fitted transform each batch for the one that is learning.
pub(super) struct Steps<'a> {
    pipeline: &'a Pipeline,
    fitted: Vec<Plan>,
    current: Box<Learner<'a>>,
}

impl<'a> Steps<'a> {
    fn new(pipeline: &'a Pipeline) -> Result<Self> {
        pipeline.check()?;
        let before_last = pipeline.steps().rev().skip(1);
        for (name, step) in before_last {
            if step.cross_fits() {
                let problem = "a step behind it learns from features that keep each row's own target out, which need all rows at once";
                return Err(Error::unsupported(OPERATION, name, problem)
                    .remedy("put it last, or fit on a table, which may be a sample of the rows"));
            }
        }
        // All of them, so that what cannot be fitted is refused before the first pass.
        let mut learners =
            pipeline.steps().map(|(_, step)| Learner::new(step)).collect::<Result<Vec<_>>>()?;
        let current = if learners.is_empty() { Learner::Passthrough(None) } else { learners.swap_remove(0) };
        Ok(Self { pipeline, fitted: Vec::new(), current: Box::new(current) })
    }

    fn observe(&mut self, training: &Training<'_>) -> Result<()> {
        let mut table = training.table().clone();
        for plan in &self.fitted {
            table = plan.transform(&table)?;
        }
        self.current.observe(&training.with_table(&table))
    }

    fn end_pass(self) -> Result<Learner<'a>> {
        let Self { pipeline, mut fitted, current } = self;
        let done = match current.end_pass()? {
            Learner::Done(step) => step,
            learner => return Ok(Learner::Pipeline(Self { pipeline, fitted, current: Box::new(learner) })),
        };
        if pipeline.steps().len() == 0 {
            let input = done.input().clone();
            return Ok(Learner::Done(Box::new(FittedPipeline::of(input, []).into())));
        }
        fitted.push(Plan::new(*done)?);
        if let Some((_, next)) = pipeline.steps().nth(fitted.len()) {
            let current = Box::new(Learner::new(next)?);
            return Ok(Learner::Pipeline(Self { pipeline, fitted, current }));
        }
        let input = fitted.first().map(|plan| plan.step().input().clone()).unwrap_or_default();
        let steps = pipeline.names().zip(&fitted).map(|(name, plan)| (name.to_owned(), plan.step().clone()));
        Ok(Learner::Done(Box::new(FittedPipeline::of(input, steps).into())))
    }
}

/// Steps beside each other, all of which learn in the same pass.
pub(super) struct Columns<'a> {
    columns: &'a ColumnTransformer,
    branches: Vec<Learner<'a>>,
    seen: Option<Layout>,
}

struct Layout {
    schema: SchemaRef,
    /// The columns that nobody names, and the step that hands them on.
    remainder: Option<(Vec<String>, Option<Schema>)>,
}

impl<'a> Columns<'a> {
    fn new(columns: &'a ColumnTransformer) -> Result<Self> {
        columns.check()?;
        let branch = |(_, step, names): (&str, &'a Step, &[String])| match names {
            // As in scikit-learn, an empty list of columns leaves the transformer out.
            [] => Ok(Learner::Done(Box::new(FittedStep::Drop))),
            _ => Learner::new(step),
        };
        let branches = columns.branches().map(branch).collect::<Result<_>>()?;
        Ok(Self { columns, branches, seen: None })
    }

    fn observe(&mut self, training: &Training<'_>) -> Result<()> {
        let table = training.table();
        let seen = self.seen.get_or_insert_with(|| Layout {
            schema: table.schema(),
            remainder: self.columns.remainder_columns(table.schema_ref()).map(|names| (names, None)),
        });
        for ((_, _, names), branch) in self.columns.branches().zip(&mut self.branches) {
            let own = project(table, names, OPERATION)?;
            branch.observe(&training.with_table(&own))?;
        }
        if let Some((names, schema)) = &mut seen.remainder {
            widen(schema, &project(table, names, OPERATION)?)?;
        }
        Ok(())
    }

    fn end_pass(self) -> Result<Learner<'a>> {
        let Self { columns, branches, seen } = self;
        let fitted = match ended(branches)? {
            Ended::Fitted(fitted) => fitted,
            Ended::Learning(branches) => {
                return Ok(Learner::ColumnTransformer(Self { columns, branches, seen }));
            }
        };
        let Some(Layout { schema, remainder }) = seen else {
            return Err(Error::internal(OPERATION, "ColumnTransformer", "it has seen no batch"));
        };
        let remainder =
            remainder.map(|(names, schema)| (names, FittedStep::Passthrough(schema.unwrap_or_default())));
        let fitted = columns.assembled(&schema, fitted, remainder)?;
        Ok(Learner::Done(Box::new(fitted.into())))
    }
}

/// Steps beside each other on all columns.
pub(super) struct Beside<'a> {
    union: &'a FeatureUnion,
    steps: Vec<Learner<'a>>,
    seen: Option<SchemaRef>,
}

impl<'a> Beside<'a> {
    fn new(union: &'a FeatureUnion) -> Result<Self> {
        union.check()?;
        let steps = union.steps().map(Learner::new).collect::<Result<_>>()?;
        Ok(Self { union, steps, seen: None })
    }

    fn observe(&mut self, training: &Training<'_>) -> Result<()> {
        self.seen.get_or_insert_with(|| training.table().schema());
        self.steps.iter_mut().try_for_each(|step| step.observe(training))
    }

    fn end_pass(self) -> Result<Learner<'a>> {
        let Self { union, steps, seen } = self;
        let fitted = match ended(steps)? {
            Ended::Fitted(fitted) => fitted,
            Ended::Learning(steps) => return Ok(Learner::FeatureUnion(Self { union, steps, seen })),
        };
        let Some(schema) = seen else {
            return Err(Error::internal(OPERATION, "FeatureUnion", "it has seen no batch"));
        };
        Ok(Learner::Done(Box::new(union.assembled(&schema, fitted)?.into())))
    }
}

/// What became of steps beside each other by the end of a pass.
enum Ended<'a> {
    Fitted(Vec<FittedStep>),
    Learning(Vec<Learner<'a>>),
}

fn ended(steps: Vec<Learner<'_>>) -> Result<Ended<'_>> {
    let steps = steps.into_iter().map(Learner::end_pass).collect::<Result<Vec<_>>>()?;
    if steps.iter().any(|step| !matches!(step, Learner::Done(_))) {
        return Ok(Ended::Learning(steps));
    }
    let fitted = steps.into_iter().filter_map(|step| match step {
        Learner::Done(step) => Some(*step),
        Learner::Passthrough(_)
        | Learner::Transformer(_)
        | Learner::Pipeline(_)
        | Learner::ColumnTransformer(_)
        | Learner::FeatureUnion(_) => None,
    });
    Ok(Ended::Fitted(fitted.collect()))
}
