// The character classes of RFC 9110 and RFC 3986 as bit sets.
//
// Two words of literals each: the compiler puts them into the code, so a look-up needs no table,
// no lazy initialisation and no branch on a range.

/// A set of ASCII characters.
struct ByteSet {
  let low: UInt64
  let high: UInt64

  @inline(__always) func contains(_ byte: UInt8) -> Bool {
    let half = byte & 0x40 == 0 ? low : high
    return byte < 0x80 && (half &>> UInt64(byte & 0x3f)) & 1 != 0
  }

  /// `tchar` of RFC 9110, section 5.6.2.
  static let token = ByteSet(low: 0x03ff_6cfa_0000_0000, high: 0x57ff_ffff_c7ff_fffe)
  /// `unreserved` of RFC 3986, section 2.3.
  static let unreserved = ByteSet(low: 0x03ff_6000_0000_0000, high: 0x47ff_fffe_87ff_fffe)
  /// `unreserved` and `/`: what a path keeps when it is percent-encoded.
  static let path = ByteSet(low: 0x03ff_e000_0000_0000, high: 0x47ff_fffe_87ff_fffe)
  /// `unreserved` and `sub-delims` of RFC 3986, section 2: a registered name less its percent-encoded bytes.
  static let registeredName = ByteSet(low: 0x2bff_7fd2_0000_0000, high: 0x47ff_fffe_87ff_fffe)
}
