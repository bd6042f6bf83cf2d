// Whether the file is what LMDB takes it for. LMDB believes its pages: a damaged one ends the process by a signal, and so
// does a page that the file has lost. So whoever has reason to doubt reads them here first, without the map.
// The layout is that of LMDB 0.9 on a 64-bit machine (mdb.c: MDB_meta, MDB_page, MDB_node).

internal import CLMDB
internal import Glibc

/// What is wrong with the file.
public struct FileDamage: Error, Sendable, Equatable, CustomStringConvertible {
  /// The number of the page; nil when it is about the file as a whole.
  public let page: UInt64?
  public let reason: String

  public var description: String { page.map { "page \($0): \(reason)" } ?? reason }
}

extension Environment {
  /// How far a check goes.
  public enum CheckDepth: Sendable {
    /// The heads, the roots of all tables, and that the file is not cut: the same work for a file of any size. A file that
    /// may be cut is checked whole.
    case roots
    /// Every page that can be reached.
    case whole
    /// As `whole` when the pages that were ever used come to no more than so many bytes; else as `roots`.
    case wholeUpTo(Int)
  }

  /// Reads the file past the map and says what is wrong with it; nil when LMDB may be trusted with it.
  ///
  /// It checks the last commit, under a read transaction that keeps its pages as they are, also beside a writer in another
  /// process. It costs no memory but a bit for each page.
  ///
  /// - Parameter directory: the one that was opened.
  public func damage(in directory: String, _ depth: CheckDepth) throws(LMDBError) -> FileDamage? {
    let operation = "check \(directory)/data.mdb"
    let file = unsafe open("\(directory)/data.mdb", O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { throw LMDBError(code: errno, operation: operation) }
    defer { Glibc.close(file) }
    // The head of a commit is written over by the second commit after it: then there is a newer one to look at.
    for _ in 0..<1000 {
      let transaction = try beginRead()
      let commit = UInt64(unsafe mdb_txn_id(transaction.snapshot.transaction))
      do throws(FileDamage) {
        let heads = [try FileHead(file, page: 0), try FileHead(file, page: 1)]
        // A file that is only just made has two heads of commit 0, of which LMDB takes the first.
        guard let head = heads.first(where: { $0.commit == commit }) else { continue }
        var check = try FileCheck(file, head)
        try check.run(depth)
        return nil
      } catch {
        return error
      }
    }
    throw LMDBError(code: EBUSY, operation: operation)
  }
}

/// A tree of pages as its `MDB_db` describes it.
private struct Tree {
  static let length = 48
  static let none = UInt64.max

  let depth: Int
  let entries: UInt64
  let root: UInt64
  /// Whether keys are numbers of the machine's own order (`MDB_INTEGERKEY`), as in the table of free pages.
  let hasNumbersAsKeys: Bool

  init(_ bytes: ArraySlice<UInt8>) {
    hasNumbersAsKeys = bytes.number(at: 4, UInt16.self) & 0x08 != 0
    depth = Int(bytes.number(at: 6, UInt16.self))
    entries = bytes.number(at: 32, UInt64.self)
    root = bytes.number(at: 40, UInt64.self)
  }
}

/// One of the two pages that begin the file.
private struct FileHead {
  let pageSize: Int
  let free: Tree
  let main: Tree
  let lastPage: UInt64
  let commit: UInt64

  init(_ file: Int32, page: Int) throws(FileDamage) {
    // The size of pages stands in the first head itself.
    let first = try Self.read(file, at: 0)
    let size = Int(first.number(at: 16 + 24, UInt32.self))
    guard size >= 512, size <= 65536, size & (size - 1) == 0 else {
      throw FileDamage(page: 0, reason: "no head of an LMDB file")
    }
    let bytes = page == 0 ? first : try Self.read(file, at: size * page)
    guard bytes.number(at: 10, UInt16.self) & 0x08 != 0, bytes.number(at: 16, UInt32.self) == 0xBEEF_C0DE,
      bytes.number(at: 20, UInt32.self) == 1
    else { throw FileDamage(page: UInt64(page), reason: "no head of an LMDB file") }
    pageSize = size
    free = Tree(bytes[40..<88])
    main = Tree(bytes[88..<136])
    lastPage = bytes.number(at: 136, UInt64.self)
    commit = bytes.number(at: 144, UInt64.self)
  }

  private static func read(_ file: Int32, at offset: Int) throws(FileDamage) -> ArraySlice<UInt8> {
    var bytes = [UInt8](repeating: 0, count: 152)
    let got = unsafe bytes.withUnsafeMutableBytes { unsafe pread(file, $0.baseAddress, 152, off_t(offset)) }
    guard got == 152 else { throw FileDamage(page: nil, reason: "the file ends within its heads") }
    return bytes[...]
  }
}

/// Walks the trees of one commit.
private struct FileCheck {
  private let file: Int32
  private let head: FileHead
  private let fileBytes: Int
  /// A bit for each page that was met.
  private var seen: [UInt64]
  private var isWhole = true
  /// The flags that tell kinds of pages apart; what else may be set is of no meaning on the disk.
  private static let kind: UInt16 = 0x6F

  init(_ file: Int32, _ head: FileHead) throws(FileDamage) {
    self.file = file
    self.head = head
    var status = stat()
    guard unsafe fstat(file, &status) == 0 else { throw FileDamage(page: nil, reason: "its size cannot be asked") }
    fileBytes = Int(status.st_size)
    // Pages at the end may have been given out and never written, but not many.
    guard head.lastPage < UInt64(fileBytes / head.pageSize) + (1 << 20) else {
      throw FileDamage(
        page: nil, reason: "the file has \(fileBytes) bytes, where its head counts \(head.lastPage) pages")
    }
    seen = Array(repeating: 0, count: Int(head.lastPage) / 64 + 1)
  }

  mutating func run(_ wanted: Environment.CheckDepth) throws(FileDamage) {
    let used = (head.lastPage + 1) * UInt64(head.pageSize)
    let isCut = UInt64(fileBytes) < used
    switch wanted {
    case .roots: isWhole = isCut
    case .whole: isWhole = true
    case .wholeUpTo(let most): isWhole = isCut || used <= UInt64(most)
    }
    // One long read is worth hundreds of short ones, on a disk that turns.
    if isWhole { _ = posix_fadvise(file, 0, off_t(used), POSIX_FADV_WILLNEED) }
    try check(head.free, level: .free)
    try check(head.main, level: .main)
  }

  private enum Level { case free, main, table }

  private mutating func check(_ tree: Tree, level: Level) throws(FileDamage) {
    guard tree.root != Tree.none else {
      guard tree.entries == 0, tree.depth == 0 else {
        throw FileDamage(page: nil, reason: "a table of \(tree.entries) entries has no root")
      }
      return
    }
    guard (1...32).contains(tree.depth) else {
      throw FileDamage(page: tree.root, reason: "a tree of \(tree.depth) levels")
    }
    var entries: UInt64 = 0
    var last: [UInt8] = []
    try walk(tree.root, tree, level, height: tree.depth, &entries, &last)
    // Of the roots alone nothing can be counted, unless there is nothing else.
    if isWhole || tree.depth == 1, entries != tree.entries {
      throw FileDamage(
        page: tree.root, reason: "the tree below it has \(entries) entries, its table counts \(tree.entries)")
    }
  }

  private mutating func walk(
    _ number: UInt64, _ tree: Tree, _ level: Level, height: Int, _ entries: inout UInt64, _ last: inout [UInt8]
  ) throws(FileDamage) {
    let page = try readPage(number)
    func damage(_ reason: String) -> FileDamage { FileDamage(page: number, reason: reason) }
    guard page.number(at: 0, UInt64.self) == number else { throw damage("it is another page") }
    let flags = page.number(at: 10, UInt16.self) & Self.kind
    let isLeaf = height == 1
    guard flags == (isLeaf ? 0x02 : 0x01) else { throw damage("not a page of its level") }
    let (lower, upper) = (Int(page.number(at: 12, UInt16.self)), Int(page.number(at: 14, UInt16.self)))
    guard lower >= 16, lower & 1 == 0, lower <= upper, upper <= head.pageSize else {
      throw damage("its bounds are wrong")
    }
    let count = (lower - 16) / 2
    guard count > 0 else { throw damage("it has no entries") }
    for index in 0..<count {
      let node = Int(page.number(at: 16 + index * 2, UInt16.self))
      guard node >= upper, node + 8 <= head.pageSize else { throw damage("an entry lies outside") }
      let (low, high) = (page.number(at: node, UInt16.self), page.number(at: node + 2, UInt16.self))
      let nodeFlags = page.number(at: node + 4, UInt16.self)
      let keyEnd = node + 8 + Int(page.number(at: node + 6, UInt16.self))
      guard keyEnd <= head.pageSize else { throw damage("a key goes beyond it") }
      // The first key of a branch stands for whatever is smallest, and may be empty.
      if isLeaf || index > 0 {
        let key = Array(page[node + 8..<keyEnd])
        guard !key.isEmpty else { throw damage("an empty key") }
        if isLeaf {
          guard last.isEmpty || Self.isBefore(last, key, tree.hasNumbersAsKeys) else {
            throw damage("its keys are not in order")
          }
          last = key
        }
      }
      guard isLeaf else {
        guard isWhole || level == .main else { continue }
        let child = UInt64(low) | UInt64(high) << 16 | UInt64(nodeFlags) << 32
        try walk(child, tree, level, height: height - 1, &entries, &last)
        continue
      }
      entries += 1
      let size = Int(low) | Int(high) << 16
      // A value of its own pages, a table, or neither; never both.
      guard nodeFlags < 0x03 else { throw damage("an entry of an unknown kind") }
      let inPage = nodeFlags & 0x01 != 0 ? 8 : size
      guard keyEnd + inPage <= head.pageSize else { throw damage("a value goes beyond it") }
      if nodeFlags & 0x01 != 0, isWhole { try checkRun(page.number(at: keyEnd, UInt64.self), bytes: size) }
      if nodeFlags & 0x02 != 0 {
        guard level == .main, size == Tree.length else { throw damage("a table where none may be") }
        try check(Tree(page[keyEnd..<keyEnd + size]), level: .table)
      }
    }
  }

  /// A value of its own pages, of which only the first has a header.
  private mutating func checkRun(_ number: UInt64, bytes: Int) throws(FileDamage) {
    let page = try readPage(number)
    let pages = UInt64(page.number(at: 12, UInt32.self))
    guard page.number(at: 0, UInt64.self) == number, page.number(at: 10, UInt16.self) & Self.kind == 0x04,
      pages >= UInt64((16 + bytes + head.pageSize - 1) / head.pageSize)
    else { throw FileDamage(page: number, reason: "not the value that was put there") }
    guard pages > 1 else { return }
    for other in number + 1..<number + pages { try mark(other) }
    guard (number + pages) * UInt64(head.pageSize) <= UInt64(fileBytes) else {
      throw FileDamage(page: number, reason: "the file ends within a value")
    }
  }

  private mutating func mark(_ number: UInt64) throws(FileDamage) {
    guard number >= 2, number <= head.lastPage else { throw FileDamage(page: number, reason: "there is no such page") }
    let (word, bit) = (Int(number / 64), UInt64(1) << (number % 64))
    guard seen[word] & bit == 0 else { throw FileDamage(page: number, reason: "it is used twice") }
    seen[word] |= bit
  }

  private mutating func readPage(_ number: UInt64) throws(FileDamage) -> ArraySlice<UInt8> {
    try mark(number)
    let size = head.pageSize
    var got = 0
    let bytes = unsafe [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
      got = unsafe pread(file, buffer.baseAddress, size, off_t(number) * off_t(size))
      count = max(0, got)
    }
    guard got == size else {
      throw FileDamage(
        page: number, reason: got < 0 ? unsafe String(cString: strerror(errno)) : "the file ends before it")
    }
    return bytes[...]
  }

  private static func isBefore(_ a: [UInt8], _ b: [UInt8], _ asNumbers: Bool) -> Bool {
    guard asNumbers else { return a.lexicographicallyPrecedes(b) }
    return a.count == 8 && b.count == 8 && a[...].number(at: 0, UInt64.self) < b[...].number(at: 0, UInt64.self)
  }
}

extension ArraySlice<UInt8> {
  /// The number at `offset` from the slice's start, least byte first; the caller knows that it is there.
  fileprivate func number<Number: FixedWidthInteger>(at offset: Int, _: Number.Type) -> Number {
    var number: Number = 0
    for byte in 0..<Number.bitWidth / 8 { number |= Number(self[startIndex + offset + byte]) << Number(byte * 8) }
    return number
  }
}
