// One key of `larder.toml`, and all that anybody does with it. The closures hold the type of
// its value, so that the decoder, the file as shipped, the reference and a reload
// go through one plain array of settings (SettingTable.swift) and know no key by name.

/// A key of the configuration file.
public struct Setting: Sendable {
  /// The section it stands in, as `downloads`.
  public let section: String
  /// The key in its section, as `chunk_size`.
  public let name: String
  /// The type in a few words, as `size`.
  public let type: String
  /// What it takes, as `64KiB to 1GiB`; empty when that is every value of the type.
  public let range: String
  /// The default as TOML, as `"8MiB"`; empty for a table without entries.
  public let defaultText: String
  /// Whether a reload changes it in a running daemon.
  public let changesWhileRunning: Bool
  /// What it means, in whole sentences.
  public let prose: String

  /// Gives the setting its default.
  let reset: @Sendable (inout Configuration) -> Void
  /// Gives the setting the file's value.
  let decode: @Sendable (Node, inout Configuration) throws(Complaints) -> Void
  /// Writes the value as the file has it.
  let encode: @Sendable (Configuration) -> Written
  /// Whether two configurations agree on it.
  let agree: @Sendable (Configuration, Configuration) -> Bool
  /// Copies the value from the first into the second.
  let copy: @Sendable (Configuration, inout Configuration) -> Void

  /// The key in full, as `downloads.chunk_size`.
  public var key: String { "\(section).\(name)" }

  init<Value>(
    _ key: String, _ place: any WritableKeyPath<Configuration, Value> & Sendable, _ codec: Codec<Value>,
    default standard: Value, needsRestart: Bool = false, _ prose: String
  ) {
    let parts = key.split(separator: ".", maxSplits: 1)
    self.section = String(parts[0])
    self.name = String(parts[1])
    self.type = codec.type
    self.range = codec.range
    self.changesWhileRunning = !needsRestart
    self.prose = prose
    if case .value(let text) = codec.encode(standard) { defaultText = text } else { defaultText = "" }
    reset = { $0[keyPath: place] = standard }
    decode = { node, configuration throws(Complaints) in
      configuration[keyPath: place] = try codec.decode(node)
    }
    encode = { codec.encode($0[keyPath: place]) }
    agree = { $0[keyPath: place] == $1[keyPath: place] }
    copy = { $1[keyPath: place] = $0[keyPath: place] }
  }
}

/// A section of the configuration file.
public struct Section: Sendable {
  /// The name between the brackets.
  public let name: String
  /// What its settings are about, in one sentence.
  public let prose: String
  /// Its settings, in the file's order.
  public let settings: [Setting]
}

/// A value as the file has it.
enum Written: Sendable {
  /// What stands after the equals sign.
  case value(String)
  /// Keys and values of a table of their own, in order.
  case table([(key: String, value: String)])
}
