// The digest of a title that is still coming in. It follows what is durable from the title's beginning on, beside the fetch,
// and while that is in memory; so what is left to read when the last block has come is little.

import Cache
import Glibc
import Loop
import S3
import Synchronization

/// A digest over a file's bytes in their order, as far as they are there.
///
/// It belongs to one run of a fill, during which blocks only come: when one is taken away (`Losses`), that run ends, and the
/// next one digests anew.
final class DigestRun: Sendable {
  let algorithm: DigestAlgorithm
  private let file: ObjectFile
  private let residency: Mutex<Residency>
  private let size: Int
  private let worker: Worker
  private let following = Mutex(Following())
  private let digest: Mutex<DigestedPrefix>

  private struct Following {
    /// So many bytes are there from the beginning on.
    var goal = 0
    /// Whether memory has better uses for what has been digested.
    var forgets = false
    /// Whether a step has been posted. It stays so after one that the disk refused: `finish` tries again and says why.
    var isStepping = false
  }

  /// A step is of so many bytes at the most: several titles take turns, and an end is not waited for.
  private static let step = 8 << 20

  /// - Parameter worker: where it reads and computes.
  init?(of object: StoredObject, in file: ObjectFile, on worker: Worker) {
    guard let offered = object.origin.digest, let algorithm = DigestAlgorithm(number: offered.algorithm) else {
      return nil
    }
    self.algorithm = algorithm
    self.file = file
    self.worker = worker
    size = object.size
    residency = Mutex(Residency(file, size: object.size))
    // What the kernel read ahead nobody would have forgotten again.
    posix_fadvise(file.descriptor, 0, 0, POSIX_FADV_RANDOM)
    digest = Mutex(DigestedPrefix(algorithm, partBytes: offered.partBytes))
  }

  /// The first `end` bytes are durable: they are digested as soon as nothing else is to be done. What nobody holds any longer
  /// goes no further.
  ///
  /// - Parameter forgetting: whether what is digested from now on is to leave memory. Read once after it was written, it
  ///   would count there for more than a film that is being played for the first time.
  func follow(to end: Int, forgetting: Bool = false) {
    let isIdle = following.withLock { following in
      following.forgets = forgetting
      following.goal = max(following.goal, end)
      defer { following.isStepping = true }
      return !following.isStepping
    }
    if isIdle { post() }
  }

  private func post() {
    worker.post { [weak self] in
      guard let self, let end = try? advance(to: following.withLock(\.goal)) else { return }
      let hasMore = following.withLock { following in
        following.isStepping = end < following.goal
        return following.isStepping
      }
      if hasMore { post() }
    }
  }

  /// The digest of the whole file, once every block is there.
  ///
  /// - Parameter wanted: asked again and again; once it says no, what is returned is nil.
  /// - Throws: a ``DiskError``; `EIO` also when the file is shorter than it should be.
  func finish(while wanted: @escaping @Sendable () -> Bool) async throws(DiskError) -> [UInt8]? {
    while wanted() {
      let end = try await worker.run { [self] () throws(DiskError) in try advance(to: size) }
      if end == size { return digest.withLock { $0.finish() } }
    }
    return nil
  }

  /// One step towards `goal`.
  ///
  /// - Returns: how far it is.
  private func advance(to goal: Int) throws(DiskError) -> Int {
    try digest.withLock { digest throws(DiskError) in
      let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 4096)
      defer { unsafe buffer.deallocate() }
      let stop = min(goal, digest.end + Self.step)
      while digest.end < stop {
        let part = unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[..<min(buffer.count, stop - digest.end)])
        let place = digest.end..<digest.end + part.count
        let wasInMemory = residency.withLock { $0.end(place) } == place.upperBound
        guard unsafe try file.read(into: part, at: place.lowerBound) else {
          throw DiskError("read a whole object", EIO)
        }
        // What memory had forgotten it forgets again: a player who compared it before would take it for that.
        if !wasInMemory || following.withLock(\.forgets) { file.forget(place) }
        unsafe digest.update(UnsafeRawBufferPointer(part))
      }
      return digest.end
    }
  }
}

/// The digest of a title's first bytes, of the whole or of its parts.
private struct DigestedPrefix {
  private enum Computation {
    case whole(DigestComputation)
    case composite(CompositeComputation)
  }

  private var computation: Computation
  /// How many bytes it is of.
  private(set) var end = 0

  /// - Parameter partBytes: the parts' size of a composite digest; 0 for one of the whole.
  init(_ algorithm: DigestAlgorithm, partBytes: Int) {
    computation =
      partBytes > 0
      ? .composite(CompositeComputation(algorithm, partLength: partBytes)) : .whole(DigestComputation(algorithm))
  }

  /// Takes in the bytes that follow.
  mutating func update(_ bytes: UnsafeRawBufferPointer) {
    switch computation {
    case .whole(var digest):
      unsafe digest.update(bytes)
      computation = .whole(digest)
    case .composite(var digest):
      unsafe digest.update(bytes)
      computation = .composite(digest)
    }
    end += bytes.count
  }

  mutating func finish() -> [UInt8] {
    switch computation {
    case .whole(let digest): return digest.finish()
    case .composite(var digest): return digest.finish()
    }
  }
}
