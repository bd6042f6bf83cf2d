// How a test comes to run on the loop: on a thread of its own, since the tests' threads belong to the test library.

import Loop

/// Runs `body` on the loop as a task that lives there, and returns what it returns.
func onLoop<T: Sendable>(_ body: @escaping @EventLoop @Sendable () async throws -> T) async throws -> T {
  EventLoop.runInBackground()
  return try await Task(executorPreference: EventLoop.executor, operation: body).value
}
