// Who may be inside the map, and when the map may move.
// LMDB leaves it to its caller that no transaction is active in the process while the map is resized or closed
// (mdb_env_set_mapsize); this file is where that is held. It is the only place in the target with a lock, and the
// only `@unchecked Sendable`: every stored property is touched under `mutex` alone, or by whoever holds the gate.

internal import CLMDB
internal import Glibc

/// Counts the transactions of this process and lets one party in alone when there are none.
///
/// A party that wants to be alone gets the first instant without a transaction; from then on new ones wait. Until then
/// new ones are still let in, so a thread that begins a second read inside its first cannot lock itself out.
@safe
final class Gate: @unchecked Sendable {
  private let mutex: UnsafeMutablePointer<pthread_mutex_t>
  private let changed: UnsafeMutablePointer<pthread_cond_t>

  private var active = 0
  private var waitingToBeAlone = 0
  private var isHeldAlone = false

  /// The open environment; nil once closed.
  private var environment: OpaquePointer?

  /// Why nothing can be begun any more, when it was not `close`.
  private var failure: LMDBError?

  /// Read transactions that were reset and keep their slot: renewing one costs no lock and no search of LMDB.
  private var idle: [Snapshot] = []

  /// Called once the environment is closed; set before anybody enters.
  var whenClosed: () -> Void = {}

  init(environment: OpaquePointer) {
    unsafe self.environment = environment
    unsafe mutex = .allocate(capacity: 1)
    unsafe changed = .allocate(capacity: 1)
    let results = unsafe (pthread_mutex_init(mutex, nil), pthread_cond_init(changed, nil))
    precondition(results == (0, 0), "a default mutex and condition need no resources")
  }

  deinit {
    closeEnvironment()
    unsafe pthread_cond_destroy(changed)
    unsafe pthread_mutex_destroy(mutex)
    unsafe changed.deallocate()
    unsafe mutex.deallocate()
  }

  /// Enters for one transaction; each success is paired with one ``leave(returning:)``.
  func enter(_ operation: String) throws(LMDBError) -> OpaquePointer {
    unsafe pthread_mutex_lock(mutex)
    defer { unsafe pthread_mutex_unlock(mutex) }
    return try unsafe admit(operation)
  }

  /// Enters for a read transaction, with an idle one to renew when there is one.
  func enterToRead() throws(LMDBError) -> (environment: OpaquePointer, idle: Snapshot?) {
    unsafe pthread_mutex_lock(mutex)
    defer { unsafe pthread_mutex_unlock(mutex) }
    return unsafe (try admit("begin read"), idle.popLast())
  }

  /// Leaves; a read transaction that was reset is kept for the next reader.
  func leave(returning snapshot: Snapshot? = nil) {
    unsafe pthread_mutex_lock(mutex)
    defer { unsafe pthread_mutex_unlock(mutex) }
    if let snapshot { idle.append(snapshot) }
    active -= 1
    if active == 0 && waitingToBeAlone > 0 { unsafe pthread_cond_broadcast(changed) }
  }

  /// Runs `body` while no transaction of this process is active.
  ///
  /// A thread must not call this inside a transaction of its own: it would wait for itself.
  func alone<R>(_ operation: String, _ body: (OpaquePointer) throws(LMDBError) -> R) throws(LMDBError) -> R {
    unsafe pthread_mutex_lock(mutex)
    waitingToBeAlone += 1
    while active > 0 || isHeldAlone { unsafe pthread_cond_wait(changed, mutex) }
    waitingToBeAlone -= 1
    isHeldAlone = true
    unsafe pthread_mutex_unlock(mutex)

    defer {
      unsafe pthread_mutex_lock(mutex)
      isHeldAlone = false
      unsafe pthread_cond_broadcast(changed)
      unsafe pthread_mutex_unlock(mutex)
    }
    return try unsafe body(try opened(operation))
  }

  /// Closes the environment, once everybody has left; more calls do nothing.
  func close() {
    // The only error there is says that it is closed already.
    try? unsafe alone("close") { (_) throws(LMDBError) in closeEnvironment() }
  }

  /// Refuses every transaction from now on with `error`. Called by whoever is inside ``alone(_:_:)``.
  func fail(_ error: LMDBError) {
    failure = error
    closeEnvironment()
  }

  /// Admits one, with the mutex held.
  private func admit(_ operation: String) throws(LMDBError) -> OpaquePointer {
    while isHeldAlone || (active == 0 && waitingToBeAlone > 0) { unsafe pthread_cond_wait(changed, mutex) }
    let environment = try unsafe opened(operation)
    active += 1
    return unsafe environment
  }

  private func opened(_ operation: String) throws(LMDBError) -> OpaquePointer {
    if let environment = unsafe environment { return unsafe environment }
    throw failure ?? LMDBError(code: EBADF, operation: operation, text: "the environment is closed")
  }

  /// Frees the idle readers, then the environment.
  private func closeEnvironment() {
    for snapshot in idle { snapshot.abort() }
    idle = []
    guard let open = unsafe environment else { return }
    unsafe mdb_env_close(open)
    unsafe environment = nil
    whenClosed()
  }
}
