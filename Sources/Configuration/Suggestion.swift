// Which of the names that exist was meant by one that does not.

/// The candidate nearest to a mistyped name, or nil when none is near.
///
/// Near is a third of the longer name's letters, by insertions, deletions, replacements and swaps
/// of neighbours (optimal string alignment), with case and `-` for `_` forgiven; or one name's beginning.
func nearest(to name: String, among candidates: [String]) -> String? {
  let typed = folded(name)
  guard (1...64).contains(typed.count) else { return nil }
  let near = candidates.compactMap { candidate -> (name: String, distance: Int)? in
    let other = folded(candidate)
    let distance = editDistance(typed, other)
    let isBeginning = min(typed.count, other.count) >= 3 && (other.starts(with: typed) || typed.starts(with: other))
    return isBeginning || distance <= max(typed.count, other.count) / 3 ? (candidate, distance) : nil
  }
  return near.min { $0.distance < $1.distance }?.name
}

/// Small letters, and `_` for `-`.
private func folded(_ name: String) -> [UInt8] {
  name.utf8.map { (0x41...0x5A).contains($0) ? $0 + 32 : $0 == UInt8(ascii: "-") ? UInt8(ascii: "_") : $0 }
}

/// How many insertions, deletions, replacements and swaps of neighbours make one text the other.
func editDistance(_ a: [UInt8], _ b: [UInt8]) -> Int {
  var rows = [Array(0...b.count)]
  for i in 0..<a.count {
    var row = [i + 1]
    for j in 0..<b.count {
      var best = min(rows[i][j + 1] + 1, row[j] + 1, rows[i][j] + (a[i] == b[j] ? 0 : 1))
      if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { best = min(best, rows[i - 1][j - 1] + 1) }
      row.append(best)
    }
    rows.append(row)
  }
  return rows[a.count][b.count]
}
