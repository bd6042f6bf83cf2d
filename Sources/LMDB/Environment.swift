// The file of bytes that survive, opened once by the process and shared by all its threads.
// It assumes that no other daemon writes to the directory; the caller makes sure of that with a lock file of its own.

internal import CLMDB
internal import Glibc

/// An LMDB environment: one memory-mapped file of tables, with one writer and many readers at a time.
///
/// Every commit is synced in full (never `MDB_NOSYNC`, `MDB_NOMETASYNC`): what was committed survives a power cut.
///
/// - Important: Never open the same directory twice in one process. LMDB holds POSIX record locks on `lock.mdb`, and
///   closing either environment would drop the locks of both.
public final class Environment: Sendable {
  let gate: Gate
  private let path: String

  /// Opens, or makes, `data.mdb` and `lock.mdb` (mode 0640) in a directory that exists (`mdb_env_open`).
  ///
  /// Flags: `MDB_NOTLS`, so that a read transaction belongs to no thread. Not `MDB_NORDAHEAD`: the file is small
  /// beside memory, and after a cold start a read-ahead fault brings neighbours that would each cost a disk seek.
  ///
  /// - Parameters:
  ///   - path: the directory.
  ///   - mapSize: the most bytes that the file may grow to, rounded up to pages; 0 takes what the file says. The map
  ///     takes address space, not memory, and a file that is larger already is mapped whole.
  ///   - maxTables: how many tables may be opened by name.
  ///   - maxReaders: how many read transactions all processes may have at a time.
  ///   - readOnly: never writes to the file.
  ///   - locksInMemory: has the lock file lie in memory, for the one process that writes: each read writes into that file,
  ///     and must not wait for a disk that is slow or frozen.
  /// - Throws: `isCorrupted` when `data.mdb` is no LMDB file of this version, else the `errno` of the system.
  public init(
    path: String, mapSize: Int, maxTables: Int, maxReaders: Int = 126, readOnly: Bool = false,
    locksInMemory: Bool = false
  ) throws(LMDBError) {
    let operation = "open \(path)"
    guard let size = Self.rounded(mapSize), let tables = UInt32(exactly: maxTables),
      let readers = UInt32(exactly: maxReaders)
    else { throw LMDBError(code: EINVAL, operation: operation, text: "a size or a count is out of range") }

    var created: OpaquePointer?
    try unsafe check(mdb_env_create(&created), operation)
    guard let environment = unsafe created else { throw LMDBError(code: ENOMEM, operation: operation) }
    // Closes what was opened whichever step fails.
    gate = unsafe Gate(environment: environment)
    // Its assertions fail on damaged pages. It would say so in its own words, of which nobody could make anything.
    try unsafe check(mdb_env_set_assert(environment) { _, _ in abort() }, operation)
    if size > 0 { try unsafe check(mdb_env_set_mapsize(environment, size), operation) }
    try unsafe check(mdb_env_set_maxdbs(environment, tables), operation)
    try unsafe check(mdb_env_set_maxreaders(environment, readers), operation)
    self.path = path
    let flags = MDB_NOTLS | (readOnly ? MDB_RDONLY : 0)
    LockFile.prepare(path, inMemory: locksInMemory)
    if locksInMemory { gate.whenClosed = { LockFile.giveBack(path) } }
    if !readOnly { try LockFile.setAside(in: path, readers: maxReaders, operation) }
    try unsafe check(mdb_env_open(environment, path, UInt32(flags), 0o640), operation)
  }

  /// Opens a table, once at start; the handle serves all later transactions (`mdb_dbi_open`).
  ///
  /// It waits until no transaction is active, because LMDB lets one thread at a time do this; so never call it inside
  /// a transaction.
  ///
  /// - Throws: `isNotFound` when there is no such table and `create` is false.
  public func table(_ name: String, create: Bool) throws(LMDBError) -> Table {
    try inCurrentMap { () throws(LMDBError) in try openTable(name, create: create) }
  }

  private func openTable(_ name: String, create: Bool) throws(LMDBError) -> Table {
    let operation = "open table \(name)"
    return try unsafe gate.alone(operation) { (environment) throws(LMDBError) in
      var transaction: OpaquePointer?
      try unsafe check(mdb_txn_begin(environment, nil, UInt32(create ? 0 : MDB_RDONLY), &transaction), operation)
      var handle: MDB_dbi = 0
      let code = unsafe mdb_dbi_open(transaction, name, UInt32(create ? MDB_CREATE : 0), &handle)
      guard code == MDB_SUCCESS else {
        unsafe mdb_txn_abort(transaction)
        throw LMDBError(code: code, operation: operation)
      }
      // A handle is shared with later transactions only once the one that opened it is committed.
      try unsafe check(mdb_txn_commit(transaction), operation)
      return Table(name: name, handle: handle)
    }
  }

  /// Begins a read transaction; it ends with its scope. ``read(_:)`` is the usual way.
  public func beginRead() throws(LMDBError) -> ReadTransaction {
    try inCurrentMap { () throws(LMDBError) in try ReadTransaction(gate) }
  }

  /// Begins the write transaction, once the writer before has ended. ``write(_:)`` is the usual way.
  public func beginWrite() throws(LMDBError) -> WriteTransaction {
    try inCurrentMap { () throws(LMDBError) in try unsafe WriteTransaction(gate) }
  }

  /// Runs `body` on one consistent look at the environment.
  ///
  /// - Throws: what `body` throws, unchanged; an ``LMDBError`` when LMDB refuses to begin.
  public func read<R>(_ body: (borrowing ReadTransaction) throws -> R) throws -> R {
    let transaction = try beginRead()
    return try body(transaction)
  }

  /// Runs `body` and makes what it did durable; when it throws, nothing of it remains.
  ///
  /// When this throws `isMapFull`, enlarge the map with ``setMapSize(_:)`` and run it again: `body` must therefore
  /// bear being run more than once.
  ///
  /// - Throws: what `body` throws, unchanged; an ``LMDBError`` when LMDB refuses to begin or to commit.
  public func write<R>(_ body: (borrowing WriteTransaction) throws -> R) throws -> R {
    let transaction = try beginWrite()
    let result = try body(transaction)
    try transaction.commit()
    return result
  }

  /// The most bytes that the file may grow to, at present.
  public func mapSize() throws(LMDBError) -> Int { try information().mapSize }

  /// The bytes of the file that were ever used: its last page, times the page size.
  ///
  /// Pages that became free inside are counted, and are used again before the file grows.
  public func usedBytes() throws(LMDBError) -> Int { try information().usedBytes }

  /// Changes the most bytes that the file may grow to, while no transaction of this process is active
  /// (`mdb_env_set_mapsize`).
  ///
  /// It waits for the first instant without a transaction, holds new ones back, and lets them go on in the new map.
  /// Never call it inside a transaction: it would wait for itself.
  ///
  /// - Parameter bytes: rounded up to pages; never less than what is used.
  /// - Throws: `ENOMEM` when the address space does not hold a map of that size; the map is then as it was.
  public func setMapSize(_ bytes: Int) throws(LMDBError) {
    let operation = "set the map size to \(bytes)"
    guard let size = Self.rounded(bytes), size > 0 else { throw LMDBError(code: EINVAL, operation: operation) }
    try unsafe gate.alone(operation) { (environment) throws(LMDBError) in
      // LMDB unmaps before it maps, and has nothing left when that fails: try the room out first.
      let room = unsafe mmap(nil, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
      guard unsafe room != MAP_FAILED else { throw LMDBError(code: errno, operation: operation) }
      unsafe munmap(room, size)
      try unsafe remap(environment, size, operation)
    }
  }

  /// Has the file system keep the first `bytes` of the file for it (`fallocate(2)`, `FALLOC_FL_KEEP_SIZE`), so that
  /// commits which stay within them need no room from anyone.
  ///
  /// The file does not look larger for it. What it holds already counts too, holes included.
  ///
  /// - Throws: `isNoSpace` when there is no such room; `EOPNOTSUPP` where the file system cannot do this.
  public func setAside(_ bytes: Int) throws(LMDBError) {
    let operation = "set \(bytes) bytes aside"
    let environment = try unsafe gate.enter(operation)
    defer { gate.leave() }
    var descriptor: Int32 = -1
    try unsafe check(mdb_env_get_fd(environment, &descriptor), operation)
    try Room.setAside(bytes, of: descriptor, operation)
  }

  /// Whether the file is still the one of that name in its directory: not removed, and not behind another mount.
  ///
  /// What is committed to a file without a name is gone with the process.
  public func isInPlace() -> Bool {
    guard let environment = try? unsafe gate.enter("look for the file") else { return false }
    defer { gate.leave() }
    var descriptor: Int32 = -1
    guard unsafe mdb_env_get_fd(environment, &descriptor) == MDB_SUCCESS else { return false }
    return Room.is(descriptor, named: path + "/data.mdb")
  }

  /// Whether LMDB has given the environment up after a failed write of its meta page (`MDB_PANIC`).
  ///
  /// Nothing can be read or written then, and whether the last commit is durable is not known before it is opened again.
  public var isGivenUp: Bool {
    do throws(LMDBError) {
      _ = try beginRead()
      return false
    } catch { return error.needsReopening }
  }

  /// Frees the reader slots of processes that died, and says how many (`mdb_reader_check`).
  ///
  /// Such a slot keeps pages from being used again, and the file grows.
  @discardableResult
  public func readerCheck() throws(LMDBError) -> Int {
    let environment = try unsafe gate.enter("check readers")
    defer { gate.leave() }
    var dead: Int32 = 0
    try unsafe check(mdb_reader_check(environment, &dead), "check readers")
    return Int(dead)
  }

  /// Closes the file once the last transaction has ended; every later call throws `EBADF`.
  ///
  /// Never call it inside a transaction. Dropping the last reference closes too.
  public func close() {
    gate.close()
  }

  /// Begins something, and when another process has enlarged the file beyond this map (`MDB_MAP_RESIZED`), takes its
  /// size over and begins again.
  private func inCurrentMap<R: ~Copyable>(_ begin: () throws(LMDBError) -> R) throws(LMDBError) -> R {
    do { return try begin() } catch  where error.code == MDB_MAP_RESIZED {
      let operation = "take over the map size"
      try unsafe gate.alone(operation) { (environment) throws(LMDBError) in
        try unsafe remap(environment, 0, operation)
      }
      return try begin()
    }
  }

  /// Maps anew, within the gate; after a failure there is no map, and the environment is closed for good.
  private func remap(_ environment: OpaquePointer, _ size: Int, _ operation: String) throws(LMDBError) {
    let code = unsafe mdb_env_set_mapsize(environment, size)
    guard code != MDB_SUCCESS else { return }
    let error = LMDBError(code: code, operation: operation)
    gate.fail(error)
    throw error
  }

  private func information() throws(LMDBError) -> (mapSize: Int, usedBytes: Int) {
    let environment = try unsafe gate.enter("ask for the size")
    defer { gate.leave() }
    var information = unsafe MDB_envinfo()
    var statistics = MDB_stat()
    try unsafe check(mdb_env_info(environment, &information), "ask for the size")
    try unsafe check(mdb_env_stat(environment, &statistics), "ask for the size")
    return unsafe (information.me_mapsize, (information.me_last_pgno + 1) * Int(statistics.ms_psize))
  }

  /// The size rounded up to whole pages of the system; nil when it is negative or does not fit.
  private static func rounded(_ bytes: Int) -> Int? {
    let page = sysconf(Int32(_SC_PAGESIZE))
    let (sum, overflows) = bytes.addingReportingOverflow(page - 1)
    return bytes < 0 || overflows ? nil : sum / page * page
  }
}
