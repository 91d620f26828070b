//! Where everything stands: layers are columns, and in each the items are as near to their
//! neighbours as their order lets them be.

use super::frame::{CHAR, Frame};
use super::model::Graph;
use super::order::{Item, Layers, layers};

/// Least distance between things in a column.
const GAP: f64 = 14.0;

/// Least distance between columns, beside what is written there.
const BETWEEN: f64 = 56.0;

/// The width of an edge that all calls take, and of one that none takes.
const WIDEST: f64 = 16.0;
const THINNEST: f64 = 1.3;

/// Room for an edge at the side of a box, and for one with words.
const PORT: f64 = 7.0;
const WORDED: f64 = 17.0;

/// Rounds in which the columns are moved to each other.
const ROUNDS: usize = 24;

/// A box with its place.
#[derive(Clone, Debug)]
pub(super) struct Placed {
    pub(super) frame: Frame,
    pub(super) x: f64,
    pub(super) y: f64,
}

/// A line from box to box.
#[derive(Clone, Debug)]
pub(super) struct Line {
    /// Its points, from left to right, two for each column that it passes.
    pub(super) points: Vec<(f64, f64)>,
}

/// A drawing.
#[derive(Debug)]
pub(super) struct Layout {
    /// By node; what the start does not lead to has none.
    pub(super) boxes: Vec<Option<Placed>>,
    /// By edge.
    pub(super) lines: Vec<Line>,
    pub(super) width: f64,
    pub(super) height: f64,
}

/// How wide an edge is.
pub(super) fn width(share: f64) -> f64 {
    THINNEST + (WIDEST - THINNEST) * share.clamp(0.0, 1.0)
}

/// Lays a graph out.
pub(super) fn layout(graph: &Graph) -> Layout {
    let layers = layers(graph);
    let mut frames: Vec<Frame> = graph.nodes.iter().map(|it| Frame::of(graph, it)).collect();
    grow(graph, &mut frames);
    let heights: Vec<f64> = layers
        .items
        .iter()
        .map(|item| match item {
            Item::Node(node) => frames.get(*node).map_or(0.0, |frame| frame.height),
            Item::Passing(edge) => graph.edges.get(*edge).map_or(0.0, |edge| width(edge.share)),
        })
        .collect();
    let centres = centres(&layers, &heights);
    let (columns, total) = columns(graph, &layers, &frames);
    for (layer, (_, wide)) in layers.layers.iter().zip(&columns) {
        for item in layer {
            if let Some(Item::Node(node)) = layers.items.get(*item)
                && let Some(frame) = frames.get_mut(*node)
            {
                // A line begins at the side of its column, and so crosses no other box there.
                frame.width = *wide;
            }
        }
    }
    let mut boxes: Vec<Option<Placed>> = vec![None; graph.nodes.len()];
    // Where a passing edge is, and from where to where.
    let mut passing: Vec<Option<(f64, f64, f64)>> = vec![None; layers.items.len()];
    let mut height = 0.0_f64;
    for (layer, (x, wide)) in layers.layers.iter().zip(&columns) {
        for item in layer {
            let centre = centres.get(*item).copied().unwrap_or_default();
            let own = heights.get(*item).copied().unwrap_or_default();
            height = height.max(centre + own / 2.0);
            match layers.items.get(*item) {
                Some(Item::Node(node)) => {
                    let frame = frames.get(*node).cloned().unwrap_or_default();
                    let place = Placed { frame, x: *x, y: centre - own / 2.0 };
                    if let Some(slot) = boxes.get_mut(*node) {
                        *slot = Some(place);
                    }
                }
                Some(Item::Passing(_)) | None => {
                    if let Some(slot) = passing.get_mut(*item) {
                        *slot = Some((*x, x + wide, centre));
                    }
                }
            }
        }
    }
    let lines = lines(graph, &layers, &boxes, &passing);
    Layout { boxes, lines, width: total, height }
}

/// Makes boxes as high as what begins or ends at their sides.
fn grow(graph: &Graph, frames: &mut [Frame]) {
    let mut left = vec![0.0_f64; frames.len()];
    let mut right = vec![0.0_f64; frames.len()];
    for edge in &graph.edges {
        let own = port(edge.share, !edge.label.is_empty());
        for (sides, at, room) in
            [(&mut right, edge.from, own), (&mut left, edge.to, port(edge.share, false))]
        {
            if let Some(side) = sides.get_mut(at) {
                *side += room;
            }
        }
    }
    for ((frame, left), right) in frames.iter_mut().zip(left).zip(right) {
        frame.height = frame.height.max(left).max(right);
    }
}

/// Room at the side of a box for an edge.
fn port(share: f64, worded: bool) -> f64 {
    (width(share) + 3.0).max(if worded { WORDED } else { PORT })
}

/// Beginning and width of each column, and the width of all.
fn columns(graph: &Graph, layers: &Layers, frames: &[Frame]) -> (Vec<(f64, f64)>, f64) {
    let mut x = 0.0;
    let mut columns = Vec::with_capacity(layers.layers.len());
    for layer in &layers.layers {
        let node = |item: &usize| match layers.items.get(*item) {
            Some(Item::Node(node)) => Some(*node),
            Some(Item::Passing(_)) | None => None,
        };
        let nodes: Vec<usize> = layer.iter().filter_map(node).collect();
        let widths = nodes.iter().filter_map(|node| frames.get(*node)).map(|frame| frame.width);
        let wide = widths.fold(0.0, f64::max);
        columns.push((x, wide));
        let own = graph.edges.iter().filter(|edge| nodes.contains(&edge.from));
        let label = own.map(|edge| edge.label.chars().count()).max().unwrap_or_default();
        x += wide + BETWEEN + CHAR * label as f64;
    }
    let total = columns.last().map_or(0.0, |(x, wide)| x + wide);
    (columns, total)
}

/// The height of the middle of each item.
fn centres(layers: &Layers, heights: &[f64]) -> Vec<f64> {
    let mut centres = vec![0.0_f64; layers.items.len()];
    let height = |item: usize| heights.get(item).copied().unwrap_or_default();
    for layer in &layers.layers {
        let mut y = 0.0;
        for item in layer {
            if let Some(slot) = centres.get_mut(*item) {
                *slot = y + height(*item) / 2.0;
            }
            y += height(*item) + GAP;
        }
    }
    let mut before: Vec<Vec<usize>> = vec![Vec::new(); layers.items.len()];
    let mut after = before.clone();
    for segment in &layers.segments {
        for (lists, own, other) in
            [(&mut before, segment.to, segment.from), (&mut after, segment.from, segment.to)]
        {
            if let Some(list) = lists.get_mut(own) {
                list.push(other);
            }
        }
    }
    let count = layers.layers.len();
    for round in 0..ROUNDS {
        let forward = round % 2 == 0;
        let near = if forward { &before } else { &after };
        for step in 0..count {
            let at = if forward { step } else { count - 1 - step };
            let Some(layer) = layers.layers.get(at) else { continue };
            let wanted: Vec<(f64, f64)> = layer
                .iter()
                .map(|item| {
                    let own = centres.get(*item).copied().unwrap_or_default();
                    let list = near.get(*item).map_or(&[][..], Vec::as_slice);
                    let of = |other: &usize| centres.get(*other).copied().unwrap_or_default();
                    let sum: f64 = list.iter().map(of).sum();
                    let is_passing = matches!(layers.items.get(*item), Some(Item::Passing(_)));
                    let weight = if is_passing { 4.0 } else { 1.0 };
                    (if list.is_empty() { own } else { sum / list.len() as f64 }, weight)
                })
                .collect();
            let sizes: Vec<f64> = layer.iter().map(|item| height(*item)).collect();
            for (item, centre) in layer.iter().zip(apart(&wanted, &sizes)) {
                if let Some(slot) = centres.get_mut(*item) {
                    *slot = centre;
                }
            }
        }
    }
    let tops = centres.iter().zip(heights).map(|(centre, height)| centre - height / 2.0);
    let top = tops.fold(f64::INFINITY, f64::min);
    let top = if top.is_finite() { top } else { 0.0 };
    centres.iter().map(|centre| centre - top).collect()
}

/// Places in order and apart from each other that are, by weight, nearest to the wanted ones:
/// the least squares with an order (pool adjacent violators).
fn apart(wanted: &[(f64, f64)], sizes: &[f64]) -> Vec<f64> {
    // What each is shifted by if all touch; without these shifts only the order counts.
    let mut shifts: Vec<f64> = Vec::with_capacity(sizes.len());
    let mut last: Option<(f64, f64)> = None;
    for size in sizes {
        let shift = last.map_or(0.0, |(shift, before)| shift + (before + size) / 2.0 + GAP);
        shifts.push(shift);
        last = Some((shift, *size));
    }
    let mut pools: Vec<(f64, f64, usize)> = Vec::new();
    for ((wish, weight), shift) in wanted.iter().zip(&shifts) {
        let mut pool = (wish - shift, *weight, 1);
        while let Some(before) = pools.last().filter(|before| before.0 > pool.0) {
            let weight = before.1 + pool.1;
            let mean = (before.0 * before.1 + pool.0 * pool.1) / weight;
            pool = (mean, weight, before.2 + pool.2);
            pools.pop();
        }
        pools.push(pool);
    }
    let places = pools.iter().flat_map(|(mean, _, count)| std::iter::repeat_n(*mean, *count));
    places.zip(&shifts).map(|(place, shift)| place + shift).collect()
}

/// The lines of all edges.
fn lines(
    graph: &Graph,
    layers: &Layers,
    boxes: &[Option<Placed>],
    passing: &[Option<(f64, f64, f64)>],
) -> Vec<Line> {
    let begins = ports(graph, layers, boxes, passing, true);
    let ends = ports(graph, layers, boxes, passing, false);
    let mut lines = vec![Line { points: Vec::new() }; graph.edges.len()];
    for (edge, line) in lines.iter_mut().enumerate() {
        line.points.extend(begins.get(edge).copied().flatten());
    }
    for segment in &layers.segments {
        let Some(line) = lines.get_mut(segment.edge) else { continue };
        if let Some((from, to, y)) = passing.get(segment.to).copied().flatten() {
            line.points.extend([(from, y), (to, y)]);
        }
    }
    for (edge, line) in lines.iter_mut().enumerate() {
        line.points.extend(ends.get(edge).copied().flatten());
    }
    lines
}

/// Where each edge leaves its box, or comes to it: in the order of where it goes.
fn ports(
    graph: &Graph,
    layers: &Layers,
    boxes: &[Option<Placed>],
    passing: &[Option<(f64, f64, f64)>],
    leaving: bool,
) -> Vec<Option<(f64, f64)>> {
    let middle = |item: usize| match layers.items.get(item) {
        Some(Item::Node(node)) => {
            let place = boxes.get(*node).and_then(Option::as_ref);
            place.map_or(0.0, |place| place.y + place.frame.height / 2.0)
        }
        Some(Item::Passing(_)) | None => {
            passing.get(item).copied().flatten().map_or(0.0, |(_, _, y)| y)
        }
    };
    let mut at_box: Vec<Vec<(f64, usize)>> = vec![Vec::new(); boxes.len()];
    for segment in &layers.segments {
        let (own, other) =
            if leaving { (segment.from, segment.to) } else { (segment.to, segment.from) };
        if let Some(Item::Node(node)) = layers.items.get(own)
            && let Some(list) = at_box.get_mut(*node)
        {
            list.push((middle(other), segment.edge));
        }
    }
    let mut ports = vec![None; graph.edges.len()];
    for (list, place) in at_box.iter_mut().zip(boxes) {
        let Some(place) = place else { continue };
        list.sort_by(|a, b| a.0.total_cmp(&b.0));
        let room = |edge: usize| {
            let worded = |it: &super::model::Edge| leaving && !it.label.is_empty();
            graph.edges.get(edge).map_or(0.0, |it| port(it.share, worded(it)))
        };
        let all: f64 = list.iter().map(|(_, edge)| room(*edge)).sum();
        let mut y = place.y + (place.frame.height - all) / 2.0;
        let x = if leaving { place.x + place.frame.width } else { place.x };
        for (_, edge) in list.iter() {
            if let Some(slot) = ports.get_mut(*edge) {
                *slot = Some((x, y + room(*edge) / 2.0));
            }
            y += room(*edge);
        }
    }
    ports
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_touches_and_wishes_are_met_where_they_can_be() {
        let places = apart(&[(0.0, 1.0), (100.0, 1.0)], &[10.0, 10.0]);
        assert_eq!(places, [0.0, 100.0]);
        let places = apart(&[(5.0, 1.0), (5.0, 1.0), (5.0, 1.0)], &[10.0, 20.0, 10.0]);
        assert!((places.iter().sum::<f64>() / 3.0 - 5.0).abs() < 1e-9, "{places:?}");
        for (pair, need) in places.windows(2).zip([15.0 + GAP, 15.0 + GAP]) {
            assert!(
                (pair.iter().rev().copied().reduce(|a, b| a - b))
                    .is_some_and(|it| it >= need - 1e-9)
            );
        }
    }
}
