// Who reads an answer at the other end: every byte of a title that arrives is compared with the origin's.

import HTTP

/// Reads one answer as it comes in.
final class Client {
  private enum Place {
    /// In a head, the answer's or a part's.
    case text
    /// In bytes of the title.
    case title(at: Int, left: Int)
    /// In a body that is not the title's.
    case other
  }

  private var place = Place.text
  private var text: [UInt8] = []
  private let isHead: Bool
  /// Takes bytes of the title, as they come in.
  private let compare: ([UInt8], _ offset: Int) -> Void
  private(set) var status = 0
  private(set) var length = 0
  private var isInParts = false
  /// Bytes of the body that are here, and those of the title among them.
  private(set) var arrived = 0
  private(set) var titleBytes = 0

  init(isHead: Bool, compare: @escaping ([UInt8], Int) -> Void) {
    self.isHead = isHead
    self.compare = compare
  }

  /// Whether it got all that its head promised.
  var isWhole: Bool { arrived == (isHead || status == 304 ? 0 : length) }

  func take(_ bytes: UnsafeRawBufferPointer) {
    var rest = unsafe Array(bytes)[...]
    while !rest.isEmpty {
      switch place {
      case .text:
        if status > 0 { arrived += 1 }
        text.append(rest.removeFirst())
        if text.suffix(4).elementsEqual([13, 10, 13, 10]) { headEnds() }
      case .title(let offset, let left):
        let part = Array(rest.prefix(left))
        rest = rest.dropFirst(part.count)
        arrived += part.count
        titleBytes += part.count
        compare(part, offset)
        place =
          part.count < left
          ? .title(at: offset + part.count, left: left - part.count) : isInParts ? .text : .other
      case .other:
        arrived += rest.count
        return
      }
    }
  }

  private func headEnds() {
    let lines = String(decoding: text, as: UTF8.self).split(separator: "\r\n")
    text = []
    func field(_ name: String) -> String? {
      lines.first { $0.lowercased().hasPrefix("\(name): ") }.map { String($0.dropFirst(name.count + 2)) }
    }
    if status == 0 {
      status = lines.first.flatMap { Int($0.split(separator: " ")[1]) } ?? 0
      length = field("content-length").flatMap { Int($0) } ?? 0
      isInParts = field("content-type")?.hasPrefix("multipart/") ?? false
      if isInParts { return }
      if status == 200 { place = .title(at: 0, left: length) }
      if status != 200, status != 206 { place = .other }
    }
    guard status == 206, let range = field("content-range") else { return }
    let ends = range.dropFirst("bytes ".count).prefix { $0 != "/" }.split(separator: "-").compactMap { Int($0) }
    if ends.count == 2 { place = .title(at: ends[0], left: ends[1] - ends[0] + 1) }
  }
}
