// A disk that is none: files of pages, folders of names, and for both what is in memory and what is on the plate. What
// was not made durable may be there after a cut, or not, or in part, in any order.

import Glibc
import Loop

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

/// The disk of one world.
final class Disk {
  /// What may go wrong with one kind of call, in a thousandth.
  struct Weather {
    var write = 0
    var shortWrite = 0
    var sync = 0
    var folderSync = 0
    var read = 0
    var open = 0
    var names = 0
    var isReadOnly = false
    var isFull = false
  }

  private(set) var root = Inode(isFolder: true, number: 1)
  var weather = Weather()
  var dice: Dice
  /// Bytes that the file system holds, and what somebody else's files take of them.
  var size: Int
  var foreign = 0
  /// Bytes of our files, unlinked ones that are still open included.
  private(set) var used = 0
  /// From now on nothing reaches the disk: the power is gone.
  var isDead = false
  /// Told of every new file and of every write.
  var created: (String, Inode) -> Void = { _, _ in }
  var written: (Inode, Range<Int>) -> Void = { _, _ in }
  /// Objects' names that went without anybody's order.
  private(set) var vanished: Set<String> = []
  /// Names that could not be removed.
  private(set) var stuck: Set<String> = []
  /// Asked before every call that changes something: a place for the power to go.
  var passed: (String) -> Void = { _ in }
  private var open: [Int32: (inode: Inode, path: String)] = [:]
  private var nextHandle: Int32 = 1_000_000
  private var nextNumber: UInt64 = 1
  /// Whether bytes were lost that had been durable, or reads failed.
  private(set) var hasHarmed = false

  init(size: Int, dice: Dice) {
    self.size = size
    self.dice = dice
  }

  var free: Int { max(0, size - foreign - used) }

  /// Bytes of files that nobody finds any more and somebody holds open.
  var heldOpen: Int {
    var seen: Set<ObjectIdentifier> = []
    return open.values.reduce(0) { sum, one in
      one.inode.links == 0 && seen.insert(ObjectIdentifier(one.inode)).inserted ? sum + one.inode.room : sum
    }
  }

  func find(_ path: String) -> Inode? {
    var inode = root
    for part in path.split(separator: "/") where part != "." {
      guard let next = inode.names[String(part)] else { return nil }
      inode = next
    }
    return inode
  }

  /// What would be found after a cut that loses all it can.
  func findOnPlate(_ path: String) -> Inode? {
    var inode = root
    for part in path.split(separator: "/") {
      guard let next = inode.plateNames[String(part)] else { return nil }
      inode = next
    }
    return inode
  }

  private func parent(_ path: String) -> (folder: Inode, name: String)? {
    guard let slash = path.lastIndex(of: "/") else { return (root, path) }
    guard let folder = find(String(path[..<slash])), folder.isFolder else { return nil }
    return (folder, String(path[path.index(after: slash)...]))
  }

  private func fails(_ thousandths: Int) -> Bool { thousandths > 0 && dice.roll(1000) < thousandths }

  /// Before a change: nil when it may be tried.
  private func refusal(_ call: String, _ thousandths: Int) -> Int32? {
    passed(call)
    if isDead { return EIO }
    if weather.isReadOnly { return EROFS }
    return fails(thousandths) ? EIO : nil
  }

  // MARK: Calls; each returns an errno, 0 for success

  func openFile(_ path: String, create: Bool, folder: Bool) -> (Int32, Int32) {
    if isDead { return (-1, EIO) }
    var inode = find(path)
    if inode == nil, create {
      if let error = refusal("create \(path)", weather.open) { return (-1, error) }
      guard let (folder, name) = parent(path) else { return (-1, ENOENT) }
      let made = make(isFolder: false)
      folder.set(name, made)
      created(path, made)
      inode = made
    }
    guard let inode else { return (-1, ENOENT) }
    if !folder, fails(weather.open) { return (-1, EIO) }
    if folder != inode.isFolder { return (-1, folder ? ENOTDIR : EISDIR) }
    inode.handles += 1
    nextHandle += 1
    open[nextHandle] = (inode, path)
    return (nextHandle, 0)
  }

  func close(_ handle: Int32) {
    guard let inode = open.removeValue(forKey: handle)?.inode else { return }
    inode.handles -= 1
    release(inode)
  }

  private func make(isFolder: Bool) -> Inode {
    nextNumber += 1
    return Inode(isFolder: isFolder, number: nextNumber)
  }

  private func release(_ inode: Inode) {
    if inode.links == 0, inode.handles == 0, !inode.isFolder { used -= inode.room }
  }

  func inode(_ handle: Int32) -> Inode? { open[handle]?.inode }

  func path(_ handle: Int32) -> String? { open[handle]?.path }

  func write(_ handle: Int32, _ source: UnsafeRawBufferPointer, at offset: Int) -> (Int, Int32) {
    if let error = refusal("write", weather.write) { return (-1, error) }
    guard let inode = inode(handle) else { return (-1, EBADF) }
    var count = source.count
    if fails(weather.shortWrite) { count = max(1, dice.roll(count)) }
    let pages = offset / Inode.page..<(offset + count + Inode.page - 1) / Inode.page
    let fresh = pages.count { $0 >= inode.allocated.count || !inode.allocated[$0] }
    if weather.isFull || fresh * Inode.page > free { return (-1, ENOSPC) }
    inode.grow(to: offset + count)
    used += fresh * Inode.page
    for page in pages {
      inode.allocated[page] = true
      inode.inMemory[page] = true
      inode.pages[page] = 1
    }
    inode.modified = unsafe Machine.current.now
    unsafe inode.bytes.withUnsafeMutableBytes { target in
      unsafe target.baseAddress!.advanced(by: offset).copyMemory(from: source.baseAddress!, byteCount: count)
    }
    written(inode, offset..<offset + count)
    return (count, 0)
  }

  func read(_ handle: Int32, _ target: UnsafeMutableRawBufferPointer, at offset: Int) -> (Int, Int32) {
    if isDead { return (-1, EIO) }
    if fails(weather.read) {
      hasHarmed = true
      return (-1, EIO)
    }
    guard let inode = inode(handle) else { return (-1, EBADF) }
    let count = min(target.count, inode.bytes.count - offset)
    guard count > 0 else { return (0, 0) }
    for page in offset / Inode.page...(offset + count - 1) / Inode.page { inode.inMemory[page] = true }
    unsafe inode.bytes.withUnsafeBytes { source in
      unsafe target.baseAddress!.copyMemory(from: source.baseAddress!.advanced(by: offset), byteCount: count)
    }
    return (count, 0)
  }

  /// `fdatasync`, and `fsync` of a folder.
  func sync(_ handle: Int32) -> Int32 {
    guard let inode = inode(handle) else { return EBADF }
    if inode.isFolder {
      if let error = refusal("fsync", weather.folderSync) { return error }
      inode.plateNames = inode.names
      inode.pending = [:]
      return 0
    }
    passed("fdatasync")
    if isDead { return EIO }
    // The kernel says it once; what it could not write it has dropped, and takes for clean.
    let isFailing = weather.isReadOnly || fails(weather.sync)
    for page in inode.pages.indices where inode.pages[page] == 1 {
      if isFailing, dice.roll(4) > 0 {
        inode.pages[page] = 2
      } else {
        inode.settle(page)
        inode.pages[page] = 0
      }
    }
    if !isFailing, inode.plate.count < inode.bytes.count {
      inode.plate.append(contentsOf: repeatElement(0, count: inode.bytes.count - inode.plate.count))
    }
    return isFailing ? EIO : 0
  }

  func truncate(_ handle: Int32, to size: Int) -> Int32 {
    if let error = refusal("ftruncate", weather.names) { return error }
    guard let inode = inode(handle) else { return EBADF }
    shorten(inode, to: size)
    return 0
  }

  private func shorten(_ inode: Inode, to size: Int) {
    inode.bytes.removeLast(max(0, inode.bytes.count - size))
    inode.plate.removeLast(max(0, inode.plate.count - size))
    let count = (size + Inode.page - 1) / Inode.page
    used -= inode.allocated.dropFirst(count).count { $0 } * Inode.page
    inode.pages = Array(inode.pages.prefix(count))
    inode.allocated = Array(inode.allocated.prefix(count))
    inode.inMemory = Array(inode.inMemory.prefix(count))
    inode.modified = unsafe Machine.current.now
  }

  func rename(_ from: String, _ to: String) -> Int32 {
    guard let inode = find(from), let (source, name) = parent(from), let (target, newName) = parent(to) else {
      return ENOENT
    }
    if let error = refusal("rename \(to)", weather.names) { return error }
    let replaced = target.names[newName]
    target.set(newName, inode)
    source.set(name, nil)
    if let replaced { release(replaced) }
    return 0
  }

  func makeFolder(_ path: String) -> Int32 {
    guard let (folder, name) = parent(path) else { return ENOENT }
    guard folder.names[name] == nil else { return EEXIST }
    if let error = refusal("mkdir \(path)", weather.names) { return error }
    folder.set(name, make(isFolder: true))
    return 0
  }

  func link(_ from: String, _ to: String) -> Int32 {
    guard let inode = find(from), !inode.isFolder, let (folder, name) = parent(to) else { return ENOENT }
    guard folder.names[name] == nil else { return EEXIST }
    if let error = refusal("link \(to)", weather.names) { return error }
    folder.set(name, inode)
    return 0
  }

  func unlink(_ path: String, folder isFolder: Bool) -> Int32 {
    guard let (folder, name) = parent(path), let inode = folder.names[name] else { return ENOENT }
    guard isFolder == inode.isFolder else { return isFolder ? ENOTDIR : EISDIR }
    guard inode.names.isEmpty else { return ENOTEMPTY }
    if let error = refusal("unlink \(path)", weather.names) {
      stuck.insert(path)
      return error
    }
    stuck.remove(path)
    folder.set(name, nil)
    release(inode)
    return 0
  }

  // MARK: What happens to disks

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

  /// Whether the first and the last of the bytes are in memory.
  func isResident(_ handle: Int32, _ bytes: Range<Int>) -> Bool {
    guard let inode = inode(handle), bytes.upperBound <= inode.bytes.count else { return true }
    return inode.inMemory[bytes.lowerBound / Inode.page] && inode.inMemory[(bytes.upperBound - 1) / Inode.page]
  }

  /// Does harm to some file of an object: a bit turns over, an end is cut off, the name vanishes.
  func harm() {
    let victims = files(below: "objects").filter {
      !$0.path.hasSuffix(".sums") && !$0.inode.bytes.isEmpty && !$0.inode.pages.contains(1)
    }
    guard !victims.isEmpty, !isDead else { return }
    let (path, inode) = victims[dice.roll(victims.count)]
    hasHarmed = true
    switch dice.roll(5) {
    case 0:
      let size = dice.roll(inode.bytes.count)
      Trace.say("\(path) is cut at \(size)")
      for page in size / Inode.page..<inode.pages.count { inode.spoilt.insert(page) }
      shorten(inode, to: size)
    case 1:
      Trace.say("\(path) vanishes")
      vanished.insert(path)
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
    }
  }

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
    open = [:]
    weather = Weather()
    used = 0
    var met: Set<ObjectIdentifier> = []
    root = revived(root, &met)
    count(root)
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
