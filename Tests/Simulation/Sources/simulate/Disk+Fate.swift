// What happens to a disk: memory that runs short, bits that turn over, and the power that comes back.

import Loop

extension Disk {
  /// Memory was short: what it had more than the plate is gone.
  func dropCaches() { each(root) { forget($0, $0.pages.indices) } }

  func forget(_ handle: Int32, _ bytes: Range<Int>) {
    guard let inode = inode(handle), !inode.pages.isEmpty else { return }
    forget(
      inode,
      (bytes.lowerBound / Inode.page..<(bytes.upperBound + Inode.page - 1) / Inode.page)
        .clamped(to: 0..<inode.pages.count))
  }

  private func forget(_ inode: Inode, _ pages: Range<Int>) {
    for page in pages where inode.pages[page] != 1 {
      inode.inMemory[page] = false
      guard inode.pages[page] == 2 else { continue }
      inode.pages[page] = 0
      for index in inode.span(ofPage: page) { inode.bytes[index] = index < inode.plate.count ? inode.plate[index] : 0 }
    }
  }

  /// Up to where the bytes are in memory without a gap.
  func residentEnd(_ handle: Int32, _ bytes: Range<Int>) -> Int {
    guard let inode = inode(handle) else { return bytes.lowerBound }
    var end = bytes.lowerBound
    while end < min(bytes.upperBound, inode.bytes.count), inode.inMemory[end / Inode.page] {
      end = (end / Inode.page + 1) * Inode.page
    }
    return min(end, bytes.upperBound)
  }

  /// The kernel reads into memory what it was told will be needed, and some of it it does not.
  func readAhead(_ handle: Int32, _ bytes: Range<Int>) {
    guard !isDead, let inode = inode(handle) else { return }
    let pages = bytes.lowerBound / Inode.page..<(bytes.upperBound + Inode.page - 1) / Inode.page
    for page in pages.clamped(to: 0..<inode.inMemory.count) where dice.roll(8) > 0 { inode.inMemory[page] = true }
  }

  /// Does harm to some file of an object: a bit turns over, an end is cut off, the name vanishes.
  func harm() {
    let victims = files(below: "objects").filter {
      !$0.path.hasSuffix(".sums") && !$0.inode.bytes.isEmpty && !$0.inode.pages.contains(1) && !isStray($0.inode)
    }
    guard !victims.isEmpty, !isDead else { return }
    let (path, inode) = victims[dice.roll(victims.count)]
    hasHarmed = true
    switch dice.roll(5) {
    case 0:
      let size = dice.roll(inode.bytes.count)
      Trace.say("\(path) is cut at \(size)")
      for page in size / Inode.page..<inode.pages.count { inode.spoilt.insert(page) }
      stolen += inode.room
      shorten(inode, to: size)
    case 1:
      Trace.say("\(path) vanishes")
      vanished.insert(path)
      stolen += inode.room
      if let (folder, name) = parent(path) { folder.set(name, nil) }
      release(inode)
    default:
      let at = dice.roll(inode.bytes.count)
      let page = at / Inode.page
      guard inode.pages[page] != 1, at < inode.plate.count else { return }
      Trace.say("\(path) rots at \(at)")
      inode.plate[at] ^= 4
      inode.spoilt.insert(page)
      if inode.inMemory[page] { inode.pages[page] = 2 } else { inode.bytes[at] = inode.plate[at] }
      // Harm shows when memory has forgotten what it had.
      if dice.roll(2) == 0 { forget(inode, page..<page + 1) }
    }
  }

  private func isStray(_ inode: Inode) -> Bool { strays.contains { $0 === inode } }

  private func each(_ folder: Inode, _ body: (Inode) -> Void) {
    for (_, inode) in folder.names.sorted(by: { $0.key < $1.key }) {
      if inode.isFolder { each(inode, body) } else { body(inode) }
    }
  }

  /// Every file, by its path.
  func files(below path: String) -> [(path: String, inode: Inode)] {
    guard let folder = find(path) else { return [] }
    return folder.names.sorted { $0.key < $1.key }.flatMap { name, inode in
      inode.isFolder ? files(below: "\(path)/\(name)") : [("\(path)/\(name)", inode)]
    }
  }

  /// The power comes back: what the plate holds, and of the rest whatever the dice leave.
  func comeBack() {
    bringBack()
    open = [:]
    weather = Weather()
    used = 0
    var met: Set<ObjectIdentifier> = []
    root = revived(root, &met)
    count(root)
    // What was just being moved away may be lost with the move.
    strays.removeAll { $0.links == 0 }
  }

  private func revived(_ old: Inode, _ met: inout Set<ObjectIdentifier>) -> Inode {
    for (name, history) in old.pending.sorted(by: { $0.key < $1.key }) {
      // Of several changes of one name some first ones came through.
      let kept = dice.roll(history.count + 1)
      if kept > 0 { old.plateNames[name] = history[kept - 1] }
    }
    old.names = [:]
    old.pending = [:]
    for (name, inode) in old.plateNames.sorted(by: { $0.key < $1.key }) {
      if met.insert(ObjectIdentifier(inode)).inserted {
        inode.links = 0
        inode.handles = 0
        if inode.isFolder { _ = revived(inode, &met) } else { cut(inode) }
      }
      old.names[name] = inode
      inode.links += 1
    }
    return old
  }

  private func cut(_ inode: Inode) {
    for page in inode.pages.indices where inode.pages[page] == 1 {
      switch dice.roll(3) {
      case 0: inode.settle(page)
      // A part of it, in sectors.
      case 1: inode.settle(page, count: 512 * dice.roll(8))
      default: break
      }
    }
    // The length may have come through without what it was for.
    if inode.plate.count < inode.bytes.count, dice.roll(2) == 0 {
      inode.plate.append(contentsOf: repeatElement(0, count: inode.bytes.count - inode.plate.count))
    }
    inode.bytes = inode.plate
    let count = (inode.bytes.count + Inode.page - 1) / Inode.page
    inode.pages = Array(repeating: 0, count: count)
    inode.allocated = Array(inode.allocated.prefix(count))
    inode.allocated.append(contentsOf: repeatElement(false, count: count - inode.allocated.count))
    inode.inMemory = Array(repeating: false, count: count)
  }

  private func count(_ folder: Inode) {
    var met: Set<ObjectIdentifier> = []
    each(folder) { if met.insert(ObjectIdentifier($0)).inserted { used += $0.room } }
  }
}
