//! Layers, and the order of what stands in each: the first two steps of the method of Sugiyama,
//! Tagawa and Toda (1981). An edge that passes a layer has a place of its own there.

use super::model::{Graph, Kind};

/// Something that has a place in a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Item {
    /// A node.
    Node(usize),
    /// An edge on its way.
    Passing(usize),
}

/// A part of an edge between neighbouring layers: items by their places in [`Layers::items`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Segment {
    pub(super) edge: usize,
    pub(super) from: usize,
    pub(super) to: usize,
}

/// All layers, from the left.
#[derive(Debug, Default)]
pub(super) struct Layers {
    pub(super) items: Vec<Item>,
    /// The items of each layer, in their order.
    pub(super) layers: Vec<Vec<usize>>,
    /// The parts of edges, those of one edge one after the other.
    pub(super) segments: Vec<Segment>,
}

/// Sweeps over all layers; more change nothing that can be seen.
const SWEEPS: usize = 12;

/// Orders a graph.
pub(super) fn layers(graph: &Graph) -> Layers {
    let mut layers = placed(graph, &depths(graph));
    let mut best = (layers.crossings(), layers.layers.clone());
    for sweep in 0..SWEEPS {
        layers.sweep(sweep % 2 == 0);
        let crossings = layers.crossings();
        if crossings < best.0 {
            best = (crossings, layers.layers.clone());
        }
    }
    layers.layers = best.1;
    layers
}

/// The layer of each node: as far from the start as its longest path, and actions last.
fn depths(graph: &Graph) -> Vec<usize> {
    let mut depths = vec![0_usize; graph.nodes.len()];
    let of = |depths: &[usize], at: usize| depths.get(at).copied().unwrap_or_default();
    // There is no cycle: no path is longer than there are nodes.
    for _ in 0..graph.nodes.len() {
        let mut changed = false;
        for edge in &graph.edges {
            let least = of(&depths, edge.from) + 1;
            if let Some(depth) = depths.get_mut(edge.to).filter(|depth| **depth < least) {
                (*depth, changed) = (least, true);
            }
        }
        if !changed {
            break;
        }
    }
    let last = depths.iter().copied().max().unwrap_or_default();
    for (depth, node) in depths.iter_mut().zip(&graph.nodes) {
        if matches!(node.kind, Kind::End(_)) {
            *depth = last;
        }
    }
    depths
}

/// Nodes and passing edges in their layers, in the order in which a walk from the start meets them.
fn placed(graph: &Graph, depths: &[usize]) -> Layers {
    let last = depths.iter().copied().max().unwrap_or_default();
    let mut all = Layers { layers: vec![Vec::new(); last + 1], ..Layers::default() };
    let depth = |at: usize| depths.get(at).copied().unwrap_or_default();
    let mut items: Vec<Option<usize>> = vec![None; graph.nodes.len()];
    let mut waiting = vec![0];
    while let Some(node) = waiting.pop() {
        if items.get(node).is_none_or(Option::is_some) {
            continue;
        }
        let item = all.add(Item::Node(node), depth(node));
        if let Some(slot) = items.get_mut(node) {
            *slot = Some(item);
        }
        // The first is to be met first.
        let own = graph.edges.iter().filter(|edge| edge.from == node);
        waiting.extend(own.map(|edge| edge.to).collect::<Vec<_>>().into_iter().rev());
    }
    let item = |at: usize| items.get(at).copied().flatten();
    for (edge, it) in graph.edges.iter().enumerate() {
        let (Some(mut from), Some(to)) = (item(it.from), item(it.to)) else { continue };
        for layer in depth(it.from) + 1..depth(it.to) {
            let via = all.add(Item::Passing(edge), layer);
            all.segments.push(Segment { edge, from, to: via });
            from = via;
        }
        all.segments.push(Segment { edge, from, to });
    }
    all
}

impl Layers {
    fn add(&mut self, item: Item, layer: usize) -> usize {
        self.items.push(item);
        let at = self.items.len() - 1;
        if let Some(layer) = self.layers.get_mut(layer) {
            layer.push(at);
        }
        at
    }

    /// The place of each item in its layer.
    fn ranks(&self) -> Vec<usize> {
        let mut ranks = vec![0; self.items.len()];
        for layer in &self.layers {
            for (rank, item) in layer.iter().enumerate() {
                if let Some(slot) = ranks.get_mut(*item) {
                    *slot = rank;
                }
            }
        }
        ranks
    }

    /// Orders each layer by the mean of where the neighbours in the layer before (or after) stand.
    fn sweep(&mut self, forward: bool) {
        let mut neighbours: Vec<Vec<usize>> = vec![Vec::new(); self.items.len()];
        for segment in &self.segments {
            let (own, other) =
                if forward { (segment.to, segment.from) } else { (segment.from, segment.to) };
            if let Some(list) = neighbours.get_mut(own) {
                list.push(other);
            }
        }
        let mut ranks = self.ranks();
        let count = self.layers.len();
        for step in 0..count {
            let at = if forward { step } else { count - 1 - step };
            let Some(layer) = self.layers.get_mut(at) else { continue };
            let mut keyed: Vec<(f64, usize)> = layer
                .iter()
                .enumerate()
                .map(|(rank, item)| {
                    let near = neighbours.get(*item).map_or(&[][..], Vec::as_slice);
                    let of = |other: &usize| ranks.get(*other).copied().unwrap_or_default() as f64;
                    let sum: f64 = near.iter().map(of).sum();
                    let mean = if near.is_empty() { rank as f64 } else { sum / near.len() as f64 };
                    (mean, *item)
                })
                .collect();
            // Equal ones stay as they are.
            keyed.sort_by(|(a, _), (b, _)| a.total_cmp(b));
            *layer = keyed.into_iter().map(|(_, item)| item).collect();
            for (rank, item) in layer.iter().enumerate() {
                if let Some(slot) = ranks.get_mut(*item) {
                    *slot = rank;
                }
            }
        }
    }

    /// How many pairs of edges cross.
    fn crossings(&self) -> usize {
        let ranks = self.ranks();
        let rank = |item: usize| ranks.get(item).copied().unwrap_or_default();
        let mut layer_of = vec![0; self.items.len()];
        for (at, layer) in self.layers.iter().enumerate() {
            for item in layer {
                if let Some(slot) = layer_of.get_mut(*item) {
                    *slot = at;
                }
            }
        }
        let mut between: Vec<Vec<(usize, usize)>> = vec![Vec::new(); self.layers.len()];
        for segment in &self.segments {
            let layer = layer_of.get(segment.from).copied().unwrap_or_default();
            if let Some(list) = between.get_mut(layer) {
                list.push((rank(segment.from), rank(segment.to)));
            }
        }
        between.iter_mut().map(|pairs| inversions(pairs)).sum()
    }
}

/// Pairs of segments whose ends are the other way round than their beginnings.
fn inversions(pairs: &mut [(usize, usize)]) -> usize {
    pairs.sort_unstable();
    let size = pairs.iter().map(|(_, to)| *to).max().unwrap_or_default() + 1;
    // A tree of counts (Fenwick 1994): how many ends up to a place were seen.
    let mut tree = vec![0_usize; size + 1];
    let mut crossings = 0;
    for (seen, (_, to)) in pairs.iter().enumerate() {
        let (mut at, mut before) = (to + 1, 0);
        while at > 0 {
            before += tree.get(at).copied().unwrap_or_default();
            at &= at - 1;
        }
        crossings += seen - before;
        let mut at = to + 1;
        while let Some(slot) = tree.get_mut(at) {
            *slot += 1;
            at += at & at.wrapping_neg();
        }
    }
    crossings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crossings_are_counted_as_by_hand() {
        let mut rng = 1_u64;
        for _ in 0..200 {
            let mut pairs = Vec::new();
            for _ in 0..12 {
                rng = rng.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                pairs.push(((rng >> 40) as usize % 6, (rng >> 50) as usize % 6));
            }
            let cross = |a: &(usize, usize), b: &(usize, usize)| a.0 < b.0 && a.1 > b.1;
            let by_hand: usize =
                pairs.iter().map(|a| pairs.iter().filter(|b| cross(a, b)).count()).sum();
            assert_eq!(inversions(&mut pairs), by_hand);
        }
    }
}
