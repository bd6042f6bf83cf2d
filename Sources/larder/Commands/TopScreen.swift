// What `larder top` draws, as lines: a head that is always there, and three lists that share what is left of the screen.

import HTTP

/// One picture of the box.
struct TopScreen {
  /// What there is to show.
  struct Scene {
    var status: JSONValue
    var users: [JSONValue]
    /// Why it is older than a second; nil when it is not.
    var trouble: String?

    init(status: JSONValue, users: [JSONValue]) {
      self.status = status
      self.users = users
    }
  }

  private let scene: Scene

  init(_ scene: Scene) { self.scene = scene }

  /// The lines from top to bottom.
  ///
  /// - Parameters:
  ///   - width: no line is longer; nil for as long as they are.
  ///   - height: so many lines at the most; nil for all there are.
  func lines(width: Int?, height: Int?) -> [String] {
    let lists = [
      BoxText.fills(scene.status).lines(width: width), BoxText.viewers(scene.status).lines(width: width),
      BoxText.users(byNeed).lines(width: width),
    ].filter { $0.count > 1 }
    var lines = BoxText.head(scene.status, withBar: true)
    let foot = scene.trouble.map { [PlainText.harmless($0)] } ?? (height == nil ? [] : ["q quits"])
    let room = height.map { max(0, $0 - lines.count - foot.count) }
    for (list, share) in zip(lists, Self.shares(lists.map { $0.count + 1 }, of: room)) {
      lines += Self.cut(list, to: share)
    }
    lines += foot
    if let height { lines = Array(lines.prefix(height)) }
    return width.map { width in
      lines.map { $0.count > width ? "\($0.prefix(max(0, width - 1)))…" : $0 }
    } ?? lines
  }

  /// Who is nearest to the limit first.
  private var byNeed: [JSONValue] {
    func fullness(_ user: JSONValue) -> Double {
      let used = (user["used_bytes"]?.integer ?? 0) + (user["reserved_bytes"]?.integer ?? 0)
      guard let limit = user["limit_bytes"]?.integer, limit > 0 else { return 0 }
      return Double(used) / Double(limit)
    }
    return scene.users.map { (fullness($0), $0) }.sorted { $0.0 > $1.0 }.map(\.1)
  }

  /// How many lines each list gets: a fair part of the room and what others do not need; or none, where not even a blank
  /// line, the headings and one entry would fit.
  static func shares(_ wanted: [Int], of room: Int?) -> [Int] {
    guard var left = room else { return wanted }
    var shares: [Int] = []
    for (index, lines) in wanted.enumerated() {
      let share = min(lines, left, max(least, left / (wanted.count - index)))
      shares.append(share < least ? 0 : share)
      left -= shares[index]
    }
    for index in shares.indices where shares[index] > 0 {
      let more = min(left, wanted[index] - shares[index])
      shares[index] += more
      left -= more
    }
    return shares
  }

  private static let least = 3

  /// A blank line and the list; what does not fit is counted in its last line.
  static func cut(_ list: [String], to share: Int) -> [String] {
    guard share >= least else { return [] }
    let room = share - 1
    guard list.count > room else { return [""] + list }
    return [""] + list.prefix(room - 1) + ["… and \(list.count - room + 1) more"]
  }
}
