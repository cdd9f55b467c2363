//! Trees as operators of `ai.onnx.ml` hold them: ONNX Runtime follows their ids without a look at where they lead.

use std::collections::{HashMap, HashSet};

use super::wire::{Field, Fields, Value};

/// What a tree ensemble asks of the features that it is given.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Trees<'a> {
    /// The value that it reads.
    pub(super) input: &'a str,
    /// How many features it reads.
    pub(super) features: usize,
    /// The most nodes that it can visit for one row.
    pub(super) steps: u64,
}

/// The operators that hold trees, by name; all of them belong to `ai.onnx.ml`.
pub(super) fn are_held_by(operator: &str) -> bool {
    matches!(operator, "TreeEnsembleClassifier" | "TreeEnsembleRegressor" | "TreeEnsemble")
}

/// Reads a NodeProto that holds trees.
///
/// # Errors
/// A sentence about ids that lead nowhere, or in a circle, and about lists of different lengths.
pub(super) fn read<'a>(node: &'a [u8], operator: &str) -> Result<Trees<'a>, String> {
    let mut input = "";
    let mut lists: HashMap<&str, List> = HashMap::new();
    for field in Fields::of(node) {
        let field = field?;
        match field.number {
            1 if input.is_empty() => input = field.text()?,
            5 => {
                let (name, list) = attribute(field.bytes()?)?;
                lists.insert(name, list);
            }
            _ => {}
        }
    }
    let take = |name: &str| lists.get(name).cloned().unwrap_or_default();
    let features = features(&take("nodes_featureids").numbers)?;
    let (trees, longest) = if operator == "TreeEnsemble" { by_position(&take)? } else { by_id(&take)? };
    Ok(Trees { input, features, steps: (trees as u64).saturating_mul(longest as u64) })
}

/// An attribute that is a number, a list of numbers or a list of texts.
#[derive(Clone, Debug, Default)]
struct List {
    numbers: Vec<i64>,
    /// Of each text, whether it says `LEAF`; as many as there are texts.
    leaves: Vec<bool>,
}

fn attribute(bytes: &[u8]) -> Result<(&str, List), String> {
    let (mut name, mut list) = ("", List::default());
    for field in Fields::of(bytes) {
        let field: Field<'_> = field?;
        match (field.number, field.value) {
            (1, _) => name = field.text()?,
            (3 | 8, Value::Number(_)) => list.numbers.push(field.number()?),
            // The same numbers, packed.
            (8, Value::Bytes(packed)) => list.numbers.extend(varints(packed)?),
            (9, _) => list.leaves.push(field.bytes()? == b"LEAF"),
            _ => {}
        }
    }
    Ok((name, list))
}

fn varints(mut packed: &[u8]) -> Result<Vec<i64>, String> {
    let mut numbers = Vec::new();
    while !packed.is_empty() {
        let end = packed.iter().take(10).position(|byte| byte & 0x80 == 0).ok_or("a number has no end")? + 1;
        let (bytes, rest) = packed.split_at(end);
        let number = bytes.iter().rev().fold(0_u64, |number, byte| number << 7 | u64::from(byte & 0x7f));
        numbers.push(number.cast_signed());
        packed = rest;
    }
    Ok(numbers)
}

fn features(ids: &[i64]) -> Result<usize, String> {
    let largest = ids.iter().copied().max().unwrap_or(-1);
    if let Some(wrong) = ids.iter().find(|id| **id < 0) {
        return Err(format!("a tree reads feature {wrong}"));
    }
    usize::try_from(largest + 1).map_err(|_| format!("a tree reads feature {largest}"))
}

/// Trees whose nodes are numbered within each tree: versions 1 to 4 of the operator set. Answers how many there are, and the
/// nodes of the longest way through one.
fn by_id(take: &impl Fn(&str) -> List) -> Result<(usize, usize), String> {
    let (trees, nodes) = (take("nodes_treeids").numbers, take("nodes_nodeids").numbers);
    let (on_true, on_false) = (take("nodes_truenodeids").numbers, take("nodes_falsenodeids").numbers);
    let leaves = take("nodes_modes").leaves;
    let lengths = [nodes.len(), on_true.len(), on_false.len(), leaves.len()];
    if lengths.iter().any(|length| *length != trees.len()) {
        return Err(format!("the lists of its trees' nodes have {} and {lengths:?} entries", trees.len()));
    }
    let mut places: HashMap<(i64, i64), usize> = HashMap::with_capacity(trees.len());
    for (place, (tree, node)) in trees.iter().zip(&nodes).enumerate() {
        if places.insert((*tree, *node), place).is_some() {
            return Err(format!("tree {tree} has node {node} twice"));
        }
    }
    let mut children: Vec<[usize; 2]> = Vec::with_capacity(trees.len());
    for (place, (tree, node)) in trees.iter().zip(&nodes).enumerate() {
        if leaves.get(place) == Some(&true) {
            children.push([NONE; 2]);
            continue;
        }
        let follow = |ids: &[i64]| {
            let id = ids.get(place).copied().unwrap_or(-1);
            let found = places.get(&(*tree, id)).copied();
            found.ok_or_else(|| format!("node {node} of tree {tree} leads to node {id}, which is not there"))
        };
        children.push([follow(&on_true)?, follow(&on_false)?]);
    }
    let longest = longest_way(&children)?;
    weights(take, &places)?;
    let count = trees.iter().collect::<HashSet<_>>().len();
    // Each is a tree of its own where several nodes of one have no parent.
    Ok((count.max(roots(&children)), longest))
}

/// The weights of leaves: they belong to nodes that are there, and count for outputs that are there.
fn weights(take: &impl Fn(&str) -> List, places: &HashMap<(i64, i64), usize>) -> Result<(), String> {
    let labels = take("classlabels_strings").leaves.len().max(take("classlabels_int64s").numbers.len());
    let targets = take("n_targets").numbers.first().copied().unwrap_or(1);
    for (kind, most) in [("class", labels as i64), ("target", targets)] {
        let list = |what: &str| take(&format!("{kind}_{what}")).numbers;
        let (trees, nodes, ids) = (list("treeids"), list("nodeids"), list("ids"));
        if nodes.len() != trees.len() || ids.len() != trees.len() {
            return Err(format!(
                "the lists of its leaves have {}, {} and {} entries",
                trees.len(),
                nodes.len(),
                ids.len()
            ));
        }
        if let Some((tree, node)) =
            trees.iter().zip(&nodes).find(|(tree, node)| !places.contains_key(&(**tree, **node)))
        {
            return Err(format!("node {node} of tree {tree} has a weight and is not there"));
        }
        if let Some(wrong) = ids.iter().find(|id| **id < 0 || **id >= most.max(1)) {
            return Err(format!("a leaf counts for {kind} {wrong} of {most}"));
        }
    }
    Ok(())
}

/// Trees whose nodes are counted over all of them: version 5 of the operator set. Answers as [`by_id`].
fn by_position(take: &impl Fn(&str) -> List) -> Result<(usize, usize), String> {
    let (on_true, on_false) = (take("nodes_truenodeids").numbers, take("nodes_falsenodeids").numbers);
    let (true_leaves, false_leaves) = (take("nodes_trueleafs").numbers, take("nodes_falseleafs").numbers);
    let lengths = [on_false.len(), true_leaves.len(), false_leaves.len()];
    if lengths.iter().any(|length| *length != on_true.len()) {
        return Err(format!("the lists of its trees' nodes have {} and {lengths:?} entries", on_true.len()));
    }
    let leaves = take("leaf_targetids").numbers;
    let targets = take("n_targets").numbers.first().copied().unwrap_or(1);
    if let Some(wrong) = leaves.iter().find(|id| **id < 0 || **id >= targets.max(1)) {
        return Err(format!("a leaf counts for target {wrong} of {targets}"));
    }
    let count = on_true.len();
    let roots = take("tree_roots").numbers;
    if let Some(wrong) = roots.iter().find(|root| usize::try_from(**root).map_or(true, |root| root >= count))
    {
        return Err(format!("a tree begins at node {wrong} of {count}"));
    }
    let follow = |place: usize, ids: &[i64], is_leaf: &[i64]| {
        let id = ids.get(place).copied().unwrap_or(-1);
        let is_leaf = is_leaf.get(place).is_some_and(|flag| *flag != 0);
        let most = if is_leaf { leaves.len() } else { count };
        match usize::try_from(id) {
            Ok(_) if is_leaf && (id as usize) < most => Ok(NONE),
            Ok(id) if id < most => Ok(id),
            _ => Err(format!("node {place} leads to {id} of {most}")),
        }
    };
    let child =
        |place| Ok([follow(place, &on_true, &true_leaves)?, follow(place, &on_false, &false_leaves)?]);
    let longest = longest_way(&(0..count).map(child).collect::<Result<Vec<_>, String>>()?)?;
    Ok((roots.len(), longest))
}

/// No child.
const NONE: usize = usize::MAX;

/// How many nodes have no parent.
fn roots(children: &[[usize; 2]]) -> usize {
    let with_parent: HashSet<usize> =
        children.iter().flatten().copied().filter(|child| *child != NONE).collect();
    children.len().saturating_sub(with_parent.len())
}

/// The most nodes on a way from a root to a leaf.
///
/// # Errors
/// A sentence about ways that have no end: a node leads back to where it came from.
fn longest_way(children: &[[usize; 2]]) -> Result<usize, String> {
    // Nodes whose parents are all done are done: what is left stands in a circle.
    let mut parents = vec![0_u32; children.len()];
    for child in children.iter().flatten() {
        if let Some(count) = parents.get_mut(*child) {
            *count += 1;
        }
    }
    let mut open: Vec<usize> =
        parents.iter().enumerate().filter(|(_, count)| **count == 0).map(|(place, _)| place).collect();
    // The nodes on the longest way to each, itself included.
    let mut ways = vec![1_usize; children.len()];
    let (mut done, mut longest) = (0, 0);
    while let Some(place) = open.pop() {
        done += 1;
        let way = ways.get(place).copied().unwrap_or(1);
        longest = longest.max(way);
        for child in children.get(place).into_iter().flatten() {
            let (Some(count), Some(own)) = (parents.get_mut(*child), ways.get_mut(*child)) else { continue };
            *own = (*own).max(way + 1);
            *count -= 1;
            if *count == 0 {
                open.push(*child);
            }
        }
    }
    if done == children.len() { Ok(longest) } else { Err("the nodes of a tree lead in a circle".to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::super::wire::{put_bytes, put_number};
    use super::*;

    type Lists<'a> = Vec<(&'a str, Vec<i64>)>;

    fn node(lists: &Lists<'_>, modes: &[&str]) -> Vec<u8> {
        let mut node = Vec::new();
        put_bytes(&mut node, 1, b"x");
        for (name, numbers) in lists {
            let mut attribute = Vec::new();
            put_bytes(&mut attribute, 1, name.as_bytes());
            numbers.iter().for_each(|number| put_number(&mut attribute, 8, number.cast_unsigned()));
            put_bytes(&mut node, 5, &attribute);
        }
        let mut attribute = Vec::new();
        put_bytes(&mut attribute, 1, b"nodes_modes");
        modes.iter().for_each(|mode| put_bytes(&mut attribute, 9, mode.as_bytes()));
        put_bytes(&mut node, 5, &attribute);
        node
    }

    fn sound() -> Lists<'static> {
        vec![
            ("nodes_treeids", vec![0, 0, 0, 1]),
            ("nodes_nodeids", vec![0, 1, 2, 0]),
            ("nodes_truenodeids", vec![1, 0, 0, 0]),
            ("nodes_falsenodeids", vec![2, 0, 0, 0]),
            ("nodes_featureids", vec![4, 0, 0, 0]),
            ("target_treeids", vec![0, 0, 1]),
            ("target_nodeids", vec![1, 2, 0]),
            ("target_ids", vec![0, 0, 0]),
        ]
    }

    const MODES: [&str; 4] = ["BRANCH_LEQ", "LEAF", "LEAF", "LEAF"];

    #[test]
    fn sound_trees_pass_and_say_what_they_read() {
        let node = node(&sound(), &MODES);
        // Two trees, of which the longer has two levels.
        assert_eq!(read(&node, "TreeEnsembleRegressor"), Ok(Trees { input: "x", features: 5, steps: 4 }));
        assert_eq!(
            varints(&[0x96, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]),
            Ok(vec![150, -1])
        );
    }

    #[test]
    fn ids_that_lead_nowhere_or_in_a_circle_are_refused() {
        let cases: [(&str, Vec<i64>, &[&str], &str); 9] = [
            ("nodes_truenodeids", vec![1 << 40, 0, 0, 0], &MODES, "leads to node 1099511627776"),
            ("nodes_falsenodeids", vec![-1, 0, 0, 0], &MODES, "leads to node -1"),
            ("nodes_truenodeids", vec![0, 0, 0, 0], &MODES, "in a circle"),
            (
                "nodes_truenodeids",
                vec![1, 0, 0, 0],
                &["BRANCH_LEQ", "BRANCH_LT", "LEAF", "LEAF"],
                "in a circle",
            ),
            ("nodes_nodeids", vec![0, 1, 1, 0], &MODES, "has node 1 twice"),
            ("nodes_nodeids", vec![0, 1, 2], &MODES, "entries"),
            ("nodes_featureids", vec![-4, 0, 0, 0], &MODES, "reads feature -4"),
            ("target_nodeids", vec![1, 2, 9], &MODES, "node 9 of tree 1 has a weight"),
            ("target_ids", vec![0, 7, 0], &MODES, "counts for target 7 of 1"),
        ];
        for (name, numbers, modes, problem) in cases {
            let mut lists = sound();
            lists.iter_mut().filter(|(own, _)| *own == name).for_each(|(_, own)| own.clone_from(&numbers));
            let error = read(&node(&lists, modes), "TreeEnsembleRegressor").unwrap_err();
            assert!(error.contains(problem), "{name}: {error}");
        }
    }

    #[test]
    fn trees_by_position_are_read_too() {
        let lists = |on_true: Vec<i64>, roots: Vec<i64>| {
            vec![
                ("tree_roots", roots),
                ("nodes_truenodeids", on_true),
                ("nodes_trueleafs", vec![0, 1]),
                ("nodes_falsenodeids", vec![0, 1]),
                ("nodes_falseleafs", vec![1, 1]),
                ("leaf_targetids", vec![0, 0]),
                ("nodes_featureids", vec![0, 1]),
            ]
        };
        assert!(read(&node(&lists(vec![1, 1], vec![0]), &[]), "TreeEnsemble").is_ok());
        for (on_true, roots, problem) in [
            (vec![0, 1], vec![0], "in a circle"),
            (vec![5, 1], vec![0], "leads to 5 of 2"),
            (vec![1, 1], vec![2], "begins at node 2"),
        ] {
            let error = read(&node(&lists(on_true, roots), &[]), "TreeEnsemble").unwrap_err();
            assert!(error.contains(problem), "{error}");
        }
    }
}
