// Strings and keys as TOML writes them, for what we print: the configuration, and a
// user's own text inside an error, which must stay one line and of readable length.

/// A TOML basic string: quotes, and escapes for quotes, backslashes and all that does not show.
func tomlString(_ text: String) -> String {
  var result = "\""
  for scalar in text.unicodeScalars {
    switch scalar {
    case "\"": result += "\\\""
    case "\\": result += "\\\\"
    case "\n": result += "\\n"
    case "\t": result += "\\t"
    case "\r": result += "\\r"
    default:
      switch scalar.properties.generalCategory {
      case .control, .format, .lineSeparator, .paragraphSeparator:
        let hex = String(scalar.value, radix: 16, uppercase: true)
        let zeros = String(repeating: "0", count: (hex.count > 4 ? 8 : 4) - hex.count)
        result += (hex.count > 4 ? "\\U" : "\\u") + zeros + hex
      default: result.unicodeScalars.append(scalar)
      }
    }
  }
  return result + "\""
}

/// A TOML key: bare when it may be, else a string.
func tomlKey(_ name: String) -> String {
  let isBare = name.utf8.allSatisfy { isASCIIAlphanumeric($0) || $0 == UInt8(ascii: "_") || $0 == UInt8(ascii: "-") }
  return isBare && !name.isEmpty ? name : tomlString(name)
}

/// What somebody wrote, as a TOML string that is cut when it is long.
func quoted(_ text: String) -> String { tomlString(abbreviated(text)) }

/// The text, or its first 64 characters (Unicode scalars) and `…`.
func abbreviated(_ text: String) -> String {
  text.unicodeScalars.count <= 64 ? text : String(text.unicodeScalars.prefix(64)) + "…"
}
