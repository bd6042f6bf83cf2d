// Route: where and by which clock to ask, beginning with what is configured and going on with what answers teach.
// A value: it is told of answers and of the time, and asks nobody.

/// How far this machine's clock is from the store's, as the store's refusals tell.
public struct ClockCorrection: Sendable, Hashable {
  /// What is added to the machine's time for signatures, in seconds.
  public private(set) var seconds: Int64 = 0

  /// The most that is corrected, in seconds: a day, which covers every wrong time zone. A clock that is further off was
  /// never set; certificates and tokens would not hold by it either.
  public static let limit: Int64 = 86_400

  /// A smaller difference is the answer's way and no fault of the clock.
  private static let least: Int64 = 60

  /// No correction.
  public init() {}

  /// The store refused a signature for its time.
  ///
  /// - Parameters:
  ///   - date: the store's time; seconds since 1970, as `now`.
  ///   - now: the machine's, not corrected.
  /// - Returns: whether the correction is another one now, so that it is worth asking again.
  public mutating func refused(at date: Int64?, by now: Int64) -> Bool {
    guard let date else { return false }
    let (difference, overflow) = date.subtractingReportingOverflow(now)
    guard !overflow, difference.magnitude <= Self.limit.magnitude else {
      seconds = 0
      return false
    }
    let fresh = difference.magnitude < Self.least.magnitude ? 0 : difference
    defer { seconds = fresh }
    return (fresh - seconds).magnitude >= Self.least.magnitude
  }
}

/// Where a bucket is asked for, and at what time requests are signed.
public struct Route: Sendable {
  /// What a request was made by.
  public struct Mark: Sendable, Hashable {
    /// The bucket's place.
    public let endpoint: Endpoint
    /// See ``ClockCorrection/seconds``.
    public let clockSeconds: Int64
  }

  /// What an answer taught.
  public enum Lesson: Sendable, Hashable {
    /// Nothing: another try would end the same way.
    case nothing
    /// The bucket is asked for here from now on.
    case moved(Endpoint)
    /// Requests are signed so many seconds later than this machine's clock says.
    case clock(seconds: Int64)
    /// The redirection is none to follow, for this reason.
    case refused(String)
  }

  /// How long a redirection is remembered, in seconds: one that is meant to last, and another.
  public static let memory: (permanent: Int64, temporary: Int64) = (3600, 300)

  /// The configured place.
  public let home: Endpoint
  private var moved: (endpoint: Endpoint, until: Int64)?
  private var clock = ClockCorrection()

  /// A route that knows only what is configured.
  public init(_ home: Endpoint) { self.home = home }

  /// How requests are made now.
  ///
  /// - Parameter steady: seconds on a clock that is never set.
  public func mark(at steady: Int64) -> Mark {
    let place = moved.flatMap { $0.until > steady ? $0.endpoint : nil } ?? home
    return Mark(endpoint: place, clockSeconds: clock.seconds)
  }

  /// Learns from an answer that is no success.
  ///
  /// - Parameters:
  ///   - failure: what the answer means.
  ///   - key: the key that was asked for.
  ///   - now: the machine's time of day, seconds since 1970.
  ///   - steady: seconds on a clock that is never set.
  public mutating func learn(
    from failure: OriginFailure, forKey key: [UInt8], at now: Int64, steady: Int64
  ) -> Lesson {
    switch failure {
    case .skewed(let date): return clock.refused(at: date, by: now) ? .clock(seconds: clock.seconds) : .nothing
    case .redirected(let redirection):
      let before = mark(at: steady).endpoint
      do {
        let place = try home.following(redirection, forKey: key)
        let memory = redirection.isPermanent ? Self.memory.permanent : Self.memory.temporary
        moved = place == home ? nil : (place, steady + memory)
        return place == before ? .nothing : .moved(place)
      } catch {
        return .refused(error.description)
      }
    default: return .nothing
    }
  }

  /// Goes back to the configured place: the other one cannot be reached.
  public mutating func forgetPlace() { moved = nil }

  /// The same clock for another place: the settings are new.
  public func reset(to home: Endpoint) -> Route {
    var route = Route(home)
    route.clock = clock
    return route
  }
}
