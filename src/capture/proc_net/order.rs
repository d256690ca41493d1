//! The byte order of the host, as its addresses tell.
//!
//! The kernel prints each 32-bit word of an address as a number, so the text of 127.0.0.1 is `0100007F` on
//! little-endian hosts and `7F000001` on big-endian ones.

/// What the addresses of one host say.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Votes {
    /// Words that have no sense in the other order, little and big.
    sure: [usize; 2],
    /// Words that have more sense in this order.
    likely: [usize; 2],
}

/// A byte order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Little,
    Big,
}

impl Votes {
    /// Looks at an address: one word or four, as numbers.
    pub(super) fn look(&mut self, words: &[u32]) {
        let little = Self::sense(words, u32::swap_bytes);
        let big = Self::sense(words, |word| word);
        for (at, (mine, other)) in [(little, big), (big, little)].into_iter().enumerate() {
            let count = match (mine, other) {
                (2, 0) => self.sure.get_mut(at),
                (mine, other) if mine > other => self.likely.get_mut(at),
                _ => None,
            };
            if let Some(count) = count {
                *count += 1;
            }
        }
    }

    /// How much sense an address has whose words in network order are what `order` makes of them: 2
    /// where it is one that hosts have on purpose, 1 where it can be, 0 where it cannot or is as good as
    /// any.
    fn sense(words: &[u32], order: fn(u32) -> u32) -> u8 {
        let v4 = |word: u32| match word.to_be_bytes() {
            [127, 0, 0, _] | [127, 0, 1, 1] => 2,
            [192, 168, ..]
            | [10, ..]
            | [172, 16..=31, ..]
            | [169, 254, ..]
            | [100, 64..=127, ..] => 1,
            _ => 0,
        };
        match *words {
            [word] => v4(order(word)),
            [0, 0, 0, 0] => 0,
            [0, 0, 0, last] => {
                if order(last) == 1 {
                    2
                } else {
                    0
                }
            }
            [0, 0, mark, last] => match order(mark) {
                0xFFFF => 2.max(v4(order(last))),
                _ => 0,
            },
            [first, ..] => match order(first).to_be_bytes() {
                [0xfe, 0x80, 0, 0] | [0xff, 2, 0, 0] => 2,
                [0x20..=0x3f, ..] | [0xfc | 0xfd, ..] => 1,
                _ => 0,
            },
            [] => 0,
        }
    }

    /// The order; `None` where no address tells, or they contradict each other.
    pub(super) fn order(self) -> Option<Order> {
        let decide = |[little, big]: [usize; 2]| match (little, big) {
            (1.., 0) => Some(Order::Little),
            (0, 1..) => Some(Order::Big),
            _ => None,
        };
        match self.sure {
            [0, 0] => decide(self.likely),
            sure => decide(sure),
        }
    }
}

impl Order {
    /// A word in network order.
    pub(super) fn network(self, word: u32) -> u32 {
        match self {
            Self::Little => word.swap_bytes(),
            Self::Big => word,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(words: &[&[u32]]) -> Option<Order> {
        let mut votes = Votes::default();
        words.iter().for_each(|words| votes.look(words));
        votes.order()
    }

    #[test]
    fn addresses_tell() {
        use Order::{Big, Little};
        assert_eq!(order(&[&[0x0100_007F]]), Some(Little));
        assert_eq!(order(&[&[0x7F00_0001]]), Some(Big));
        assert_eq!(order(&[&[0], &[0, 0, 0, 0]]), None);
        assert_eq!(order(&[&[0, 0, 0, 0x0100_0000]]), Some(Little));
        assert_eq!(order(&[&[0, 0, 0, 1]]), Some(Big));
        assert_eq!(order(&[&[0x0000_80FE, 0, 0, 5]]), Some(Little));
        assert_eq!(order(&[&[0, 0, 0xFFFF_0000, 0x0100_007F]]), Some(Little));
        assert_eq!(order(&[&[0, 0, 0x0000_FFFF, 0x7F00_0001]]), Some(Big));
        assert_eq!(order(&[&[0xB80D_0120, 1, 2, 3]]), Some(Little));
        assert_eq!(order(&[&[0x01A8_A8C0]]), Some(Little));
        // 10.100.168.192 and 192.168.100.10: one is as good as the other.
        assert_eq!(order(&[&[0x0A64_A8C0]]), None);
        assert_eq!(order(&[&[0x0A64_A8C0], &[0x0100_007F]]), Some(Little));
        assert_eq!(order(&[&[0x0100_007F], &[0x7F00_0001]]), None);
        assert_eq!(order(&[&[0x0101_0101]]), None);
    }
}
