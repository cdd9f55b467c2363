//! The operators that a model brings along, and how many nodes it has when they are written out where they are called.

use std::collections::{HashMap, HashSet};

/// An operator: its domain, its name, and the name of its overload.
pub(super) type Operator<'a> = (&'a str, &'a str, &'a str);

/// Functions that call functions. Exporters nest a few levels; what nests more is made to break loaders.
const DEEPEST_CALLS: usize = 64;

/// Domains of which ONNX Runtime has kernels of its own. Where it has one for an operator, it runs this and not a function of
/// that name.
const OF_THE_RUNTIME: [&str; 4] = ["com.microsoft", "com.ms.", "ai.onnx.", "com.intel.ai"];

/// The nodes of a graph or of a function, those of its subgraphs included: how often each operator is called.
#[derive(Clone, Debug, Default)]
pub(super) struct Body<'a> {
    calls: HashMap<Operator<'a>, usize>,
}

impl<'a> Body<'a> {
    pub(super) fn add(&mut self, operator: Operator<'a>) {
        *self.calls.entry(operator).or_default() += 1;
    }
}

/// The functions of a model.
#[derive(Debug, Default)]
pub(super) struct Functions<'a> {
    bodies: HashMap<Operator<'a>, Body<'a>>,
    /// Their domains and names, whatever their overloads are.
    names: HashSet<(&'a str, &'a str)>,
}

impl<'a> Functions<'a> {
    /// Takes one more.
    ///
    /// # Errors
    /// A sentence about a second function of one name.
    pub(super) fn add(&mut self, operator: Operator<'a>, body: Body<'a>) -> Result<(), String> {
        let (domain, name, overload) = canonical(operator);
        self.names.insert((domain, name));
        match self.bodies.insert((domain, name, overload), body) {
            None => Ok(()),
            Some(_) => Err(format!("it defines the function {:?} twice", operator.1)),
        }
    }

    /// Whether an operator of a foreign domain is one of these, and not one that ONNX Runtime would take instead.
    pub(super) fn explain(&self, operator: Operator<'a>) -> bool {
        let (domain, name, _) = canonical(operator);
        // A model of a few megabytes has a million of them: this must not look through all.
        !OF_THE_RUNTIME.iter().any(|own| domain.starts_with(own)) && self.names.contains(&(domain, name))
    }

    /// How many nodes a graph has with every function written out, saturating.
    ///
    /// # Errors
    /// A sentence about functions that call themselves, or each other too deep.
    pub(super) fn written_out(&self, graph: &Body<'a>) -> Result<usize, String> {
        self.size(graph, &mut HashMap::new(), 0)
    }

    fn size(
        &self,
        body: &Body<'a>,
        known: &mut HashMap<Operator<'a>, Option<usize>>,
        depth: usize,
    ) -> Result<usize, String> {
        if depth > DEEPEST_CALLS {
            return Err(format!("its functions call each other more than {DEEPEST_CALLS} deep"));
        }
        let mut nodes = 0_usize;
        for (operator, count) in &body.calls {
            let operator = canonical(*operator);
            let one = match (self.bodies.get(&operator), known.get(&operator)) {
                (None, _) => 1,
                (Some(_), Some(Some(size))) => *size,
                (Some(_), Some(None)) => {
                    return Err(format!("its function {:?} calls itself", operator.1));
                }
                (Some(function), None) => {
                    // Until its size is known, whoever calls it is inside it.
                    known.insert(operator, None);
                    let size = self.size(function, known, depth + 1)?;
                    known.insert(operator, Some(size));
                    size
                }
            };
            nodes = nodes.saturating_add(one.saturating_mul(*count));
        }
        Ok(nodes)
    }
}

/// The standard domain has two names.
fn canonical((domain, name, overload): Operator<'_>) -> Operator<'_> {
    (if domain == "ai.onnx" { "" } else { domain }, name, overload)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    fn body(calls: &[(&'static str, usize)]) -> Body<'static> {
        let mut body = Body::default();
        for (name, count) in calls {
            (0..*count).for_each(|_| body.add((if name.starts_with('F') { "own" } else { "" }, name, "")));
        }
        body
    }

    #[test]
    fn calls_are_written_out() {
        let mut functions = Functions::default();
        functions.add(("own", "F0", ""), body(&[("Add", 3)])).unwrap();
        functions.add(("own", "F1", ""), body(&[("F0", 2), ("Mul", 1)])).unwrap();
        assert_eq!(functions.written_out(&body(&[("F1", 2), ("F0", 1), ("Relu", 1)])), Ok(18));
        assert!(functions.add(("own", "F0", ""), Body::default()).unwrap_err().contains("twice"));
        assert!(functions.explain(("own", "F0", "")) && !functions.explain(("own", "F2", "")));
    }

    #[test]
    fn many_calls_of_many_functions_are_explained_at_once() {
        let names: Vec<&'static str> = (0..50_000).map(|i| &*format!("F{i}").leak()).collect();
        let mut functions = Functions::default();
        for name in &names {
            functions.add(("own", name, "overload"), Body::default()).unwrap();
        }
        let begin = Instant::now();
        assert!(names.iter().all(|name| functions.explain(("own", name, ""))));
        // One by one it took a minute.
        assert!(begin.elapsed() < Duration::from_secs(5), "{:?}", begin.elapsed());
    }

    #[test]
    fn a_few_bytes_do_not_become_a_million_nodes_unseen() {
        let names: Vec<&'static str> = (0..60).map(|i| &*format!("F{i}").leak()).collect();
        let mut functions = Functions::default();
        functions.add(("own", names[0], ""), body(&[("Add", 1)])).unwrap();
        for pair in names.windows(2) {
            functions.add(("own", pair[1], ""), body(&[(pair[0], 2)])).unwrap();
        }
        assert_eq!(functions.written_out(&body(&[(names[40], 1)])), Ok(1 << 40));
        assert_eq!(functions.written_out(&body(&[(names[59], 1 << 10)])), Ok(usize::MAX));
    }

    #[test]
    fn calls_without_end_are_refused() {
        let mut functions = Functions::default();
        functions.add(("own", "Fa", ""), body(&[("Fb", 1)])).unwrap();
        functions.add(("own", "Fb", ""), body(&[("Fa", 1)])).unwrap();
        assert!(functions.written_out(&body(&[("Fa", 1)])).unwrap_err().contains("calls itself"));
        let names: Vec<&'static str> = (0..80).map(|i| &*format!("Fd{i}").leak()).collect();
        functions.add(("own", names[0], ""), body(&[("Add", 1)])).unwrap();
        for pair in names.windows(2) {
            functions.add(("own", pair[1], ""), body(&[(pair[0], 1)])).unwrap();
        }
        assert!(functions.written_out(&body(&[(names[79], 1)])).unwrap_err().contains("64 deep"));
    }
}
