//! Orders definitions so that each comes after those that it needs.

/// The result of [`order`].
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Order {
    /// Every node that is in no cycle and needs none, after all nodes that it needs.
    pub(crate) sorted: Vec<usize>,
    /// Cycles that the walk met: each node needs the next, the last the first. Not all of
    /// many, and of a long one the first nodes; there is one if any node is missing above.
    pub(crate) cycles: Vec<Vec<usize>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mark {
    New,
    /// On the walk's path, this many steps from its start.
    OnPath(usize),
    Good,
    /// In a cycle, or in need of one.
    Bad,
}

/// How many cycles are told, and how many nodes of each.
const MAX_CYCLES: usize = 1000;
const MAX_NODES: usize = 64;

/// Orders the nodes `0..needs.len()`; `needs[i]` lists what node `i` needs. It walks with
/// its own stack: a long chain of definitions must not overflow the thread's.
pub(crate) fn order(needs: &[Vec<usize>]) -> Order {
    let mut marks = vec![Mark::New; needs.len()];
    let mut order = Order::default();
    for start in 0..needs.len() {
        if marks.get(start) == Some(&Mark::New) {
            walk(start, needs, &mut marks, &mut order);
        }
    }
    order
}

fn walk(start: usize, needs: &[Vec<usize>], marks: &mut [Mark], order: &mut Order) {
    // Each step: a node, how many of its needs are done, whether all were good.
    let mut path: Vec<(usize, usize, bool)> = vec![(start, 0, true)];
    mark(marks, start, Mark::OnPath(0));
    while let Some((node, done, good)) = path.last_mut() {
        let node = *node;
        let Some(&next) = needs.get(node).and_then(|needs| needs.get(*done)) else {
            let good = *good;
            mark(marks, node, if good { Mark::Good } else { Mark::Bad });
            if good {
                order.sorted.push(node);
            }
            path.pop();
            if let Some((_, _, outer)) = path.last_mut() {
                *outer &= good;
            }
            continue;
        };
        *done += 1;
        match marks.get(next) {
            Some(Mark::New) => {
                mark(marks, next, Mark::OnPath(path.len()));
                path.push((next, 0, true));
            }
            Some(&Mark::OnPath(from)) => {
                *good = false;
                if order.cycles.len() < MAX_CYCLES {
                    let cycle = path.iter().skip(from).take(MAX_NODES);
                    order.cycles.push(cycle.map(|(node, ..)| *node).collect());
                }
            }
            Some(Mark::Bad) => *good = false,
            Some(Mark::Good) | None => {}
        }
    }
}

fn mark(marks: &mut [Mark], node: usize, mark: Mark) {
    if let Some(slot) = marks.get_mut(node) {
        *slot = mark;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn needs_come_first() {
        let order = order(&[vec![1, 2], vec![2], vec![], vec![0]]);
        assert_eq!(order.sorted, [2, 1, 0, 3]);
        assert!(order.cycles.is_empty());
    }

    #[test]
    fn cycles_are_told_and_poison_what_needs_them() {
        let order = order(&[vec![1], vec![2], vec![1], vec![3], vec![]]);
        assert_eq!(order.cycles, [vec![1, 2], vec![3]]);
        assert_eq!(order.sorted, [4]);
    }

    #[test]
    fn chains_may_be_long() {
        let chain: Vec<Vec<usize>> = (1..=200_000).map(|i| vec![i]).collect();
        assert_eq!(order(&chain).sorted.len(), 200_000);
    }

    #[test]
    fn many_long_cycles_are_not_all_told() {
        let chain: Vec<Vec<usize>> = (1..=200_000).map(|i| vec![i % 200_000, 0]).collect();
        let order = order(&chain);
        assert!(order.sorted.is_empty());
        assert_eq!(order.cycles.len(), MAX_CYCLES);
        assert!(order.cycles.iter().all(|cycle| cycle.len() <= MAX_NODES));
    }
}
