// What a changed file means for a daemon that runs: what takes effect, and what waits
// for a restart.

extension Configuration {
  /// The keys on which two configurations differ.
  public struct Changes: Sendable, Equatable {
    /// Keys that change while running, in the file's order, as `downloads.active`.
    public let reloadable: [String]
    /// Keys whose old value is kept until a restart.
    public let kept: [String]

    /// Whether the two agree on everything.
    public var isEmpty: Bool { reloadable.isEmpty && kept.isEmpty }
  }

  /// What a reload from this configuration to another would change, and what it would not.
  public func changes(to new: Configuration) -> Changes {
    let different = Setting.all.filter { !$0.agree(self, new) }
    return Changes(
      reloadable: different.filter(\.changesWhileRunning).map(\.key),
      kept: different.filter { !$0.changesWhileRunning }.map(\.key))
  }

  /// The configuration after a reload: the new one, with the values kept that cannot change while running.
  public func reloading(to new: Configuration) -> Configuration {
    var result = new
    for setting in Setting.all where !setting.changesWhileRunning { setting.copy(self, &result) }
    return result
  }
}
