//! Names for runs that nobody named: an adjective, a noun and a number, as MLflow gives them. They follow from the run's id,
//! so that no randomness is needed and a repetition gives the same name.

use xxhash_rust::xxh3::xxh3_64;

use crate::name::RunId;

pub(super) fn name_of(id: &RunId) -> String {
    let hash = xxh3_64(id.as_str().as_bytes());
    let pick = |words: &[&'static str], bits: u64| {
        let place = usize::try_from(bits % words.len().max(1) as u64).unwrap_or(0);
        words.get(place).copied().unwrap_or("run")
    };
    format!("{}-{}-{}", pick(&ADJECTIVES, hash), pick(&NOUNS, hash >> 16), (hash >> 32) % 1000)
}

const ADJECTIVES: [&str; 32] = [
    "able", "amber", "bold", "brisk", "calm", "clear", "crisp", "deft", "eager", "early", "fair", "fleet",
    "fond", "frank", "glad", "grand", "keen", "kind", "late", "light", "lucid", "mild", "neat", "plain",
    "proud", "quick", "quiet", "sharp", "sound", "steady", "still", "warm",
];
const NOUNS: [&str; 32] = [
    "alder", "ash", "badger", "beech", "birch", "brook", "crane", "crow", "dove", "elm", "finch", "fox",
    "hare", "hazel", "heron", "hill", "jay", "lark", "linden", "lynx", "maple", "marten", "moss", "oak",
    "otter", "owl", "pine", "raven", "river", "robin", "rowan", "wren",
];
