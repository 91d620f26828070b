//! Chains: where nothing but single numbers lead elsewhere than the rest, they are asked for one
//! after the other, heaviest first.

use super::segment::{Ask, Costs, Segment, Target, Tree};

/// The most numbers in a chain.
pub(super) const CHAIN: u16 = 8;

/// What a chain costs: its questions, weighed, and their size; and how many they are.
pub(super) fn chain<'s>(
    remaining: impl Iterator<Item = &'s Segment> + Clone,
    costs: Costs,
) -> Option<(f64, u16)> {
    let mut cost = 0.0;
    let (links, mut weight) = links(remaining)?;
    for (_, link) in links.iter() {
        cost += weight + costs.size;
        weight -= link;
    }
    Some((cost, u16::try_from(links.count).ok()?))
}

/// The search of a chain.
pub(super) fn chain_tree<'s>(remaining: impl Iterator<Item = &'s Segment> + Clone) -> Option<Tree> {
    let rest = rest(remaining.clone())?;
    let (links, _) = links(remaining.clone())?;
    let found = |nr: u32| remaining.clone().find(|segment| segment.first == nr);
    let mut tree = Tree::Found(rest);
    for (nr, _) in links.iter().rev() {
        tree = Tree::ask(Ask::Is(*nr), Tree::Found(found(*nr)?.target), tree);
    }
    Some(tree)
}

/// Where the rest of a chain leads: where the first segment that is no single number does; if
/// all are, where the first one does.
fn rest<'s>(mut remaining: impl Iterator<Item = &'s Segment> + Clone) -> Option<Target> {
    let first = remaining.clone().next()?;
    let whole = remaining.find(|segment| !segment.is_single());
    Some(whole.unwrap_or(first).target)
}

/// The numbers of a chain, heaviest first, and the weight of the whole.
struct Links {
    links: [(u32, f64); CHAIN as usize],
    count: usize,
}

impl Links {
    fn iter(&self) -> std::slice::Iter<'_, (u32, f64)> {
        self.links.get(..self.count).unwrap_or_default().iter()
    }
}

fn links<'s>(remaining: impl Iterator<Item = &'s Segment> + Clone) -> Option<(Links, f64)> {
    let rest = rest(remaining.clone())?;
    let mut links = Links { links: [(0, 0.0); CHAIN as usize], count: 0 };
    let mut weight = 0.0;
    for segment in remaining {
        weight += segment.weight;
        if segment.target == rest {
            continue;
        }
        if !segment.is_single() {
            return None;
        }
        // One more than there is room for is too many.
        *links.links.get_mut(links.count)? = (segment.first, segment.weight);
        links.count += 1;
        // To its place: they are few.
        for pair in (1..links.count).rev() {
            match links.links.get_mut(pair - 1..=pair) {
                Some([before, one]) if before.1 < one.1 => std::mem::swap(before, one),
                Some(_) | None => break,
            }
        }
    }
    Some((links, weight))
}
