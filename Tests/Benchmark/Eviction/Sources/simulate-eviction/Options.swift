// What the command line says.

import Glibc

/// What to simulate.
struct Options {
  enum Source {
    case zipf(ZipfTrace)
    case household(Household)
    case school(School)
    case file(String)
  }

  var source: Source
  /// Bytes, or a share of the footprint.
  var capacities: [Capacity] = []
  var quota: Int? = 20 << 30
  var grace: Int64 = 600_000
  var seeds = 1
  var first: UInt64 = 1
  var export: String?
  /// Only the contenders whose name has this in it, and the first.
  var only: String?
  /// Plain numbers, for another program.
  var isRaw = false
  /// Only whether box and ledger agree.
  var isChecked = false

  enum Capacity {
    case bytes(Int)
    case share(Double)

    func bytes(of footprint: Int) -> Int {
      switch self {
      case .bytes(let bytes): bytes
      case .share(let share): Int(Double(footprint) * share)
      }
    }
  }

  /// A model has users and days; a list of requests has not.
  var hasUsers: Bool {
    switch source {
    case .household, .school: true
    case .zipf, .file: false
    }
  }

  static let usage = """
    usage: simulate-eviction MODEL | TRACE.csv [OPTION…]

      zipf         requests by Zipf's law    --objects N --requests N --exponent X --pace SECONDS
      household    four users at home        --weeks N --tidiness P --fondness X
      school       640 users                 --years N --tidiness P --fondness X
      TRACE.csv    time,obj_id,obj_size as in libCacheSim

      --capacity LIST   sizes as in larder.toml, or shares of all bytes in per cent: 64GiB,256GiB or 1%,10%
      --quota SIZE      of each user of a model, 0 for none (20GiB)      --grace SECONDS   playing_grace (600)
      --seeds N         so many worlds, from --first SEED on; means and standard errors
      --only TEXT       only the first row and those whose name has TEXT in it
      --export FILE     writes the trace of the first world and ends
      --raw             tab-separated: policy, capacity, wants, hits, bytes, bytes of hits
      --check           only finds out whether the real ledger agrees, each time that something is wanted
    """

  init(_ arguments: ArraySlice<String>) throws {
    var arguments = arguments
    func value(_ option: String) throws -> String {
      guard let value = arguments.popFirst() else { throw Wrong(description: "\(option) needs a value") }
      return value
    }
    func number<T: LosslessStringConvertible>(_ option: String, _: T.Type = T.self) throws -> T {
      let text = try value(option)
      guard let number = T(text) else { throw Wrong(description: "\(option): \(text) is no number") }
      return number
    }
    var zipf = ZipfTrace()
    var household = Household()
    var school = School()
    var name: String?
    while let argument = arguments.popFirst() {
      switch argument {
      case "--capacity":
        capacities = try value(argument).split(separator: ",").map { try Self.capacity(String($0)) }
      case "--quota":
        let bytes = try Self.size(value(argument))
        quota = bytes == 0 ? nil : bytes
      case "--grace": grace = try number(argument, Int64.self) * 1000
      case "--seeds": seeds = max(1, try number(argument))
      case "--first": first = try number(argument)
      case "--export": export = try value(argument)
      case "--only": only = try value(argument)
      case "--raw": isRaw = true
      case "--check": isChecked = true
      case "--objects": zipf.objects = max(1, try number(argument))
      case "--requests": zipf.requests = max(1, try number(argument))
      case "--exponent": zipf.exponent = try number(argument)
      case "--pace": zipf.pace = max(0, try number(argument))
      case "--weeks": household.weeks = max(1, try number(argument))
      case "--years": school.years = max(1, try number(argument))
      case "--tidiness":
        household.tidiness = try number(argument)
        school.tidiness = household.tidiness
      case "--fondness":
        household.fondness = try number(argument)
        school.fondness = household.fondness
      default:
        guard name == nil, !argument.hasPrefix("--") else { throw Wrong(description: "what is \(argument)?") }
        name = argument
      }
    }
    switch name {
    case "zipf": source = .zipf(zipf)
    case "household": source = .household(household)
    case "school": source = .school(school)
    case let path?: source = .file(path)
    case nil: throw Wrong(description: "which model or trace?")
    }
    if capacities.isEmpty { capacities = Self.usualCapacities(source) }
  }

  private static func usualCapacities(_ source: Source) -> [Capacity] {
    switch source {
    case .household: [32, 64, 128, 256, 512].map { .bytes($0 << 30) }
    case .school: [128, 256, 512, 1024, 2048].map { .bytes($0 << 30) }
    case .zipf, .file: [0.001, 0.01, 0.1].map { .share($0) }
    }
  }

  private static func capacity(_ text: String) throws -> Capacity {
    guard text.hasSuffix("%") else { return .bytes(try size(text)) }
    guard let share = Double(text.dropLast()), share > 0 else { throw Wrong(description: "\(text) is no share") }
    return .share(share / 100)
  }

  private static func size(_ text: String) throws -> Int {
    let digits = text.prefix { $0.isNumber }
    let units = ["": 0, "B": 0, "KiB": 10, "MiB": 20, "GiB": 30, "TiB": 40]
    guard let number = Int(digits), number < 1 << 20 || digits.count == text.count,
      let shift = units[String(text.dropFirst(digits.count))]
    else { throw Wrong(description: "\(text) is no size: digits and one of B KiB MiB GiB TiB") }
    return number << shift
  }

  /// The command line is not understood.
  struct Wrong: Error { var description: String }
}

extension Options {
  /// The world of a seed; a file is the same in all.
  func trace(seed: UInt64) throws -> Trace {
    var trace =
      switch source {
      case .zipf(let model): model.trace(seed: seed)
      case .household(let model): model.trace(seed: seed)
      case .school(let model): model.trace(seed: seed)
      case .file(let path): try Trace(csv: path)
      }
    trace.lookAhead()
    return trace
  }

  func rules(capacity: Int) -> Rules {
    Rules(capacity: capacity, quota: hasUsers ? quota : nil, grace: grace)
  }
}
