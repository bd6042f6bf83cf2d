// Routes: what answers teach about place and clock, how long it is remembered, and that nothing goes in a circle for ever.

import Testing

@testable import S3

@Suite("Routes")
struct RouteTests {
  static let key = Array("k".utf8)
  static let now: Int64 = 1_800_000_000

  static func route() throws -> Route {
    Route(
      try Endpoint("https://s3.us-east-1.amazonaws.com", region: "us-east-1", bucket: "films", addressing: .path))
  }

  static func learn(_ route: inout Route, _ failure: OriginFailure, steady: Int64 = 0) -> Route.Lesson {
    route.learn(from: failure, forKey: key, at: now, steady: steady)
  }

  @Test("A redirection is gone by for as long as it is meant to last", arguments: [true, false])
  func memory(isPermanent: Bool) throws {
    var route = try Self.route()
    let redirected = OriginFailure.redirected(Redirection(region: "eu-west-1", isPermanent: isPermanent))
    guard case .moved(let place) = Self.learn(&route, redirected) else {
      Issue.record("it is followed")
      return
    }
    #expect(place.region == "eu-west-1" && route.mark(at: 0).endpoint == place)
    #expect(Self.learn(&route, redirected) == .nothing, "the same again teaches nothing")
    let memory = isPermanent ? Route.memory.permanent : Route.memory.temporary
    #expect(route.mark(at: memory - 1).endpoint == place)
    #expect(route.mark(at: memory).endpoint == route.home)
    #expect(Self.learn(&route, redirected, steady: memory) == .moved(place))
    route.forgetPlace()
    #expect(route.mark(at: 0).endpoint == route.home)
  }

  @Test("The way back leads home, and a stranger's leads nowhere")
  func back() throws {
    var route = try Self.route()
    _ = Self.learn(&route, .redirected(Redirection(region: "eu-west-1")))
    #expect(Self.learn(&route, .redirected(Redirection(region: "us-east-1"))) == .moved(route.home))
    let before = route.mark(at: 0)
    let lesson = Self.learn(&route, .redirected(Redirection(location: "https://evil.example/films/k")))
    guard case .refused(let why) = lesson else {
      Issue.record("it is refused")
      return
    }
    #expect(why.contains("evil.example"))
    #expect(route.mark(at: 0) == before)
  }

  @Test("The clock is corrected by the store's, within a day, and set right again when the machine's is")
  func clock() throws {
    let table: [(Int64, Int64?)] = [
      (3600, 3600), (-3600, -3600), (86_400, 86_400), (-86_400, -86_400), (86_401, nil), (59, nil), (0, nil),
      (.max, nil), (.min, nil),
    ]
    for (difference, seconds) in table {
      var route = try Self.route()
      let (date, overflow) = Self.now.addingReportingOverflow(difference)
      let lesson = Self.learn(&route, .skewed(serverDate: overflow ? difference : date))
      #expect(lesson == (seconds.map { .clock(seconds: $0) } ?? .nothing), "\(difference)")
      #expect(route.mark(at: 0).clockSeconds == seconds ?? 0)
    }
    var route = try Self.route()
    #expect(Self.learn(&route, .skewed(serverDate: nil)) == .nothing)
    _ = Self.learn(&route, .skewed(serverDate: Self.now + 3600))
    #expect(Self.learn(&route, .skewed(serverDate: Self.now + 3610)) == .nothing, "it was corrected already")
    #expect(Self.learn(&route, .skewed(serverDate: Self.now + 5)) == .clock(seconds: 0))
    _ = Self.learn(&route, .skewed(serverDate: Self.now - 7200))
    #expect(route.reset(to: route.home).mark(at: 0).clockSeconds == -7200, "a reload sets no clock")
    #expect(Self.learn(&route, .skewed(serverDate: Self.now + 1_000_000)) == .nothing)
    #expect(route.mark(at: 0).clockSeconds == 0, "a clock that far off is nobody's to correct")
  }

  @Test("Nothing else teaches anything")
  func others() throws {
    var route = try Self.route()
    let before = route.mark(at: 0)
    for failure in [
      OriginFailure.missing, .denied(code: nil), .unauthenticated(code: "ExpiredToken"), .unreachable(reason: ""),
      .troubled(reason: "", retryAfter: 1), .refused(status: 400, text: ""),
    ] { #expect(Self.learn(&route, failure) == .nothing) }
    #expect(route.mark(at: 0) == before)
  }
}
