// A file or a folder of the pretend disk: what is in memory, and what is on the plate.

/// A file or a folder.
final class Inode {
  static let page = 4096

  let isFolder: Bool
  /// What readers see, and what the plate holds.
  var bytes: [UInt8] = []
  var plate: [UInt8] = []
  /// By page: 0 clean, 1 written since the last sync, 2 dropped by a sync that failed and only in memory still.
  var pages: [UInt8] = []
  /// Pages that take room, that are in memory, and that the disk has spoilt since they were written.
  var allocated: [Bool] = []
  var inMemory: [Bool] = []
  var spoilt: Set<Int> = []
  let number: UInt64
  /// When it was last written to, in nanoseconds.
  var modified: UInt64 = 0
  var links = 0
  var handles = 0

  /// The folder's names; on the plate; and what each name stood for since the folder's last sync, oldest first.
  var names: [String: Inode] = [:]
  var plateNames: [String: Inode] = [:]
  var pending: [String: [Inode?]] = [:]

  init(isFolder: Bool, number: UInt64) {
    self.isFolder = isFolder
    self.number = number
  }

  var room: Int { allocated.count { $0 } * Self.page }

  /// Bytes that are there: without the holes, and without what the last page has more.
  var held: Int {
    let isWhole = bytes.count % Self.page == 0 || !(allocated.last ?? false)
    return room - (isWhole ? 0 : Self.page - bytes.count % Self.page)
  }

  func set(_ name: String, _ inode: Inode?) {
    names[name]?.links -= 1
    names[name] = inode
    inode?.links += 1
    pending[name, default: []].append(inode)
  }

  func grow(to size: Int) {
    guard bytes.count < size else { return }
    bytes.append(contentsOf: repeatElement(0, count: size - bytes.count))
    let count = (size + Self.page - 1) / Self.page
    pages.append(contentsOf: repeatElement(0, count: count - pages.count))
    allocated.append(contentsOf: repeatElement(false, count: count - allocated.count))
    inMemory.append(contentsOf: repeatElement(false, count: count - inMemory.count))
  }

  /// The bytes of a page that both have; the last may be short.
  func span(ofPage page: Int) -> Range<Int> { page * Self.page..<min(bytes.count, (page + 1) * Self.page) }

  /// Makes the page of the plate as it is in memory, up to `count` bytes of it.
  func settle(_ page: Int, count: Int = Inode.page) {
    let span = span(ofPage: page)
    if count == Inode.page { spoilt.remove(page) }
    if plate.count < span.upperBound {
      plate.append(contentsOf: repeatElement(0, count: span.upperBound - plate.count))
    }
    let end = min(span.upperBound, span.lowerBound + count)
    unsafe bytes.withUnsafeBytes { source in
      unsafe plate.withUnsafeMutableBytes { target in
        unsafe target.baseAddress!.advanced(by: span.lowerBound).copyMemory(
          from: source.baseAddress!.advanced(by: span.lowerBound), byteCount: end - span.lowerBound)
      }
    }
  }
}
