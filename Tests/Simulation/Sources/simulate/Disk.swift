// A disk that is none: files of pages, folders of names, and for both what is in memory and what is on the plate. What
// was not made durable may be there after a cut, or not, or in part, in any order.

import Glibc
import Loop

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
    /// Others of the same user have used up what the file system grants it.
    var isOverQuota = false
  }

  var root = Inode(isFolder: true, number: 1)
  var weather = Weather()
  var dice: Dice
  /// Bytes that the file system holds, and what somebody else's files take of them.
  var size: Int
  var foreign = 0
  /// Bytes of our files, unlinked ones that are still open included.
  var used = 0
  /// From now on nothing reaches the disk: the power is gone.
  var isDead = false
  /// Told of every new file and of every write.
  var created: (String, Inode) -> Void = { _, _ in }
  var written: (Inode, Range<Int>) -> Void = { _, _ in }
  /// Bytes that went with names and ends: they are free now, and come again.
  var stolen = 0
  /// Objects' names that went without anybody's order.
  var vanished: Set<String> = []
  /// The folder of the objects while somebody has it elsewhere.
  var away: Inode?
  /// Names that could not be removed.
  var stuck: Set<String> = []
  /// How often somebody meddled; what they put where something of ours belongs, and what they put elsewhere.
  var hands = 0
  var foreigners: [Inode] = []
  var strays: [Inode] = []
  /// Asked before every call that changes something: a place for the power to go.
  var passed: (String) -> Void = { _ in }
  var open: [Int32: (inode: Inode, path: String)] = [:]
  var nextHandle: Int32 = 1_000_000
  /// Which of them read from the plate, where the file system does that.
  private var direct: Set<Int32> = []
  private let readsPastMemory: Bool
  var nextNumber: UInt64 = 1
  /// Whether bytes were lost that had been durable, or reads failed.
  var hasHarmed = false

  init(size: Int, dice: Dice) {
    self.size = size
    self.dice = dice
    readsPastMemory = self.dice.roll(4) > 0
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
  ///
  /// Also in the folder that somebody has elsewhere: it comes back.
  func findOnPlate(_ path: String) -> Inode? {
    if let away, path.hasPrefix("objects/") { return away.plateNames[String(path.dropFirst("objects/".count))] }
    var inode = root
    for part in path.split(separator: "/") {
      guard let next = inode.plateNames[String(part)] else { return nil }
      inode = next
    }
    return inode
  }

  func parent(_ path: String) -> (folder: Inode, name: String)? {
    guard let slash = path.lastIndex(of: "/") else { return (root, path) }
    guard let folder = find(String(path[..<slash])), folder.isFolder else { return nil }
    return (folder, String(path[path.index(after: slash)...]))
  }

  /// Before something new is made: nil when there may be more of it.
  private func overrun() -> Int32? { weather.isOverQuota && !isDead ? EDQUOT : nil }

  func fails(_ thousandths: Int) -> Bool { thousandths > 0 && dice.roll(1000) < thousandths }

  /// Before a change: nil when it may be tried.
  func refusal(_ call: String, _ thousandths: Int) -> Int32? {
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
      if let error = overrun() { return (-1, error) }
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
    direct.remove(handle)
    inode.handles -= 1
    release(inode)
  }

  func make(isFolder: Bool) -> Inode {
    nextNumber += 1
    return Inode(isFolder: isFolder, number: nextNumber)
  }

  func release(_ inode: Inode) {
    if inode.links == 0, inode.handles == 0, !inode.isFolder { used -= inode.room }
  }

  func inode(_ handle: Int32) -> Inode? { open[handle]?.inode }

  func setDirect(_ handle: Int32, _ wanted: Bool) -> Bool {
    guard readsPastMemory || !wanted else { return false }
    if wanted { direct.insert(handle) } else { direct.remove(handle) }
    return true
  }

  func path(_ handle: Int32) -> String? { open[handle]?.path }

  func write(_ handle: Int32, _ source: UnsafeRawBufferPointer, at offset: Int) -> (Int, Int32) {
    if let error = refusal("write", weather.write) { return (-1, error) }
    guard let inode = inode(handle) else { return (-1, EBADF) }
    var count = source.count
    if fails(weather.shortWrite) { count = max(1, dice.roll(count)) }
    let pages = offset / Inode.page..<(offset + count + Inode.page - 1) / Inode.page
    let fresh = pages.count { $0 >= inode.allocated.count || !inode.allocated[$0] }
    if fresh > 0, let error = overrun() { return (-1, error) }
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
    if direct.contains(handle) {
      // What is not written yet is written first.
      for index in 0..<count {
        let at = offset + index
        let isDirty = inode.pages[at / Inode.page] == 1
        unsafe target[index] = isDirty ? inode.bytes[at] : at < inode.plate.count ? inode.plate[at] : 0
      }
      return (count, 0)
    }
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

  /// `syncfs`, of which only the names matter here: no byte is believed to be durable by it.
  func synchronizeNames() -> Int32 {
    if let error = refusal("syncfs", weather.folderSync) { return error }
    var folders = [root]
    while let folder = folders.popLast() {
      folder.plateNames = folder.names
      folder.pending = [:]
      folders += folder.names.values.filter(\.isFolder)
    }
    return 0
  }

  func truncate(_ handle: Int32, to size: Int) -> Int32 {
    if let error = refusal("ftruncate", weather.names) { return error }
    guard let inode = inode(handle) else { return EBADF }
    shorten(inode, to: size)
    return 0
  }

  func shorten(_ inode: Inode, to size: Int) {
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
    if let error = refusal("mkdir \(path)", weather.names) ?? overrun() { return error }
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
}
