// Requests that know nothing of each other, popular ones more often: what caches are usually measured with.

import Glibc

/// Independent requests by Zipf's law.
struct ZipfTrace {
  var objects = 100_000
  var requests = 1_000_000
  var exponent = 0.9
  /// Seconds between two requests.
  var pace = 60

  /// Sizes are log-normal around 1 GiB, from 16 MiB to 16 GiB; popularity and size know nothing of each other.
  func trace(seed: UInt64) -> Trace {
    var chance = Chance(seed: seed)
    let sizes = (0..<objects).map { _ in
      // Twelve fractions make a normal number.
      let normal = (0..<12).reduce(-6.0) { sum, _ in sum + chance.fraction() }
      return Int(min(max(exp2(10 + 1.2 * normal), 16), 16384)) << 20
    }
    let popularity = Zipf(count: objects, exponent: exponent)
    var trace = Trace()
    trace.reserve(requests)
    for request in 0..<requests {
      let object = popularity.pick(&chance)
      trace.append(.want, object, bytes: sizes[object], atMilliseconds: Int64(request) * Int64(pace) * 1000)
    }
    return trace
  }
}
