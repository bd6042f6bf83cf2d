// Where tests put their sockets, and how they wait for what blocks without holding up others.

import Dispatch
import Glibc
import Synchronization

/// A path for a socket that nobody uses yet.
func socketPath() -> String {
  "/tmp/larder-program-\(getpid())-\(count.add(1, ordering: .relaxed).newValue).sock"
}

private let count = Atomic<Int>(0)

/// Runs what blocks on a thread of its own.
func blocking<T: Sendable>(_ body: @escaping @Sendable () throws -> T) async throws -> T {
  try await withCheckedThrowingContinuation { continuation in
    DispatchQueue(label: "blocking").async { continuation.resume(with: Result(catching: body)) }
  }
}
