// A household's weeks: two grown-ups who watch series and films in the evening, two children who want the same again.

/// Four users of one box. README.md beside the package says where the figures come from.
struct Household {
  var weeks = 104
  /// How likely a grown-up deletes what they have seen to its end.
  var tidiness = 0.5
  /// How much the household likes what it knows already; 1 as documented, 0 not at all.
  var fondness = 1.0

  private static let together = 0.5

  func trace(seed: UInt64) -> Trace {
    var home = Home(self, seed: seed)
    for day in 0..<weeks * 7 { home.live(day) }
    return home.trace
  }

  private struct GrownUp {
    var series: Int?
    var episode = 0
    var seenSeries: [Int] = []
    var seenFilms: [Int] = []
    /// A film that was begun yesterday.
    var halfSeen: Int?
  }

  private struct Child {
    /// Most loved first.
    var favourites: [Int] = []
    /// All that was watched since somebody cleared the account.
    var watched: Set<Int> = []
    var series: Int?
    var episode = 0
  }

  private struct Home {
    let habits: Household
    var trace = Trace()
    private var chance: Chance
    private var catalogue = Catalogue()
    private var diary = Diary()
    private let films: [Int]
    private var series: [[Int]] = []
    private let childrensFilms: [Int]
    private var childrensSeries: [[Int]] = []
    private let filmChart = Zipf(count: 3000, exponent: 0.8)
    private let seriesChart = Zipf(count: 400, exponent: 0.8)
    private let childrensFilmChart = Zipf(count: 300, exponent: 0.8)
    private let childrensSeriesChart = Zipf(count: 80, exponent: 0.8)
    private let love = Zipf(count: 12, exponent: 1)
    private var grownUps = [GrownUp(), GrownUp()]
    private var children = [Child(), Child()]

    init(_ habits: Household, seed: UInt64) {
      self.habits = habits
      chance = Chance(seed: seed)
      films = catalogue.add(3000, mebibytes: 1500...5000, &chance)
      childrensFilms = catalogue.add(300, mebibytes: 1500...3000, &chance)
      for _ in 0..<400 {
        series.append(seasons(10, upTo: 5, chance.pick(800...1600)))
      }
      for _ in 0..<80 {
        childrensSeries.append(seasons(13, upTo: 4, chance.pick(200...500)))
      }
      for child in children.indices {
        children[child].favourites = (0..<12).map { _ in somethingForChildren() }
      }
      // Half of what the older one loves the younger one loves too.
      for place in stride(from: 0, to: 12, by: 2) { children[1].favourites[place] = children[0].favourites[place] }
    }

    /// Some seasons of a series, all episodes of one size.
    private mutating func seasons(_ episodes: Int, upTo most: Int, _ mebibytes: Int) -> [Int] {
      let count = episodes * chance.pick(1...most)
      return catalogue.add(count, mebibytes: mebibytes...mebibytes, &chance)
    }

    mutating func live(_ day: Int) {
      let isWeekend = day % 7 >= 5
      for child in children.indices where chance.happens(0.9) { play(child, isWeekend) }
      if chance.happens(Household.together) {
        evening(of: chance.pick(0...1), isWeekend)
      } else {
        for one in grownUps.indices { evening(of: one, isWeekend) }
      }
      // Now and then somebody clears a child's account.
      for child in children.indices where day % 28 == 27 && chance.happens(0.3) {
        for title in children[child].watched.sorted() { diary.note(.drop, title, by: 2 + child, atMinute: 23 * 60) }
        children[child].watched = []
      }
      diary.close(day: day, catalogue, into: &trace)
    }

    // MARK: Children, users 2 and 3

    private mutating func play(_ child: Int, _ isWeekend: Bool) {
      var minute = chance.pick(14 * 60...17 * 60)
      for _ in 0..<chance.pick(isWeekend ? 2...5 : 1...3) {
        let title: Int
        if chance.happens(0.6 * habits.fondness) {
          title = children[child].favourites[love.pick(&chance)]
        } else if chance.happens(0.8) {
          title = nextEpisode(child)
        } else {
          title = childrensFilms[childrensFilmChart.pick(&chance)]
        }
        diary.note(.want, title, by: 2 + child, atMinute: minute)
        children[child].watched.insert(title)
        minute += 30
        // What is new may be loved, in the place of something that was.
        if !children[child].favourites.contains(title), chance.happens(0.12) {
          let place = chance.pick(0..<12)
          children[child].favourites[place] = title
          if chance.happens(0.5) { children[1 - child].favourites[chance.pick(0..<12)] = title }
        }
      }
    }

    private mutating func nextEpisode(_ child: Int) -> Int {
      if let known = children[child].series, children[child].episode < childrensSeries[known].count {
        children[child].episode += 1
        return childrensSeries[known][children[child].episode - 1]
      }
      let new = childrensSeriesChart.pick(&chance)
      children[child].series = new
      children[child].episode = 1
      return childrensSeries[new][0]
    }

    private mutating func somethingForChildren() -> Int {
      if chance.happens(0.3) { return childrensFilms[childrensFilmChart.pick(&chance)] }
      let show = childrensSeries[childrensSeriesChart.pick(&chance)]
      return show[chance.pick(show.indices)]
    }

    // MARK: Grown-ups, users 0 and 1

    private mutating func evening(of one: Int, _ isWeekend: Bool) {
      let minute = chance.pick(19 * 60...21 * 60)
      if let film = grownUps[one].halfSeen {
        grownUps[one].halfSeen = nil
        watch(film, one, minute)
      } else if chance.happens(0.7) {
        if chance.happens(isWeekend ? 0.5 : 0.75) {
          for episode in 0..<(1 + chance.pick(weights: [0.5, 0.35, 0.15])) { watchSeries(one, minute + 50 * episode) }
        } else {
          watchFilm(one, minute)
        }
      }
    }

    private mutating func watchFilm(_ one: Int, _ minute: Int) {
      let film: Int
      if !grownUps[one].seenFilms.isEmpty, chance.happens(0.08 * habits.fondness) {
        film = grownUps[one].seenFilms[chance.pick(grownUps[one].seenFilms.indices)]
      } else if !grownUps[1 - one].seenFilms.isEmpty, chance.happens(0.08 * habits.fondness) {
        // What the other has recommended.
        let lately = grownUps[1 - one].seenFilms.suffix(4)
        film = lately[chance.pick(lately.indices)]
      } else {
        film = films[filmChart.pick(&chance)]
      }
      grownUps[one].seenFilms.append(film)
      if chance.happens(0.2) {
        grownUps[one].halfSeen = film
        diary.note(.want, film, by: one, atMinute: minute)
      } else {
        watch(film, one, minute)
      }
    }

    private mutating func watchSeries(_ one: Int, _ minute: Int) {
      if grownUps[one].series == nil || grownUps[one].episode == series[grownUps[one].series!].count {
        begin(one)
      }
      let episode = series[grownUps[one].series!][grownUps[one].episode]
      grownUps[one].episode += 1
      watch(episode, one, minute)
    }

    private mutating func begin(_ one: Int) {
      let new: Int
      if !grownUps[one].seenSeries.isEmpty, chance.happens(0.1 * habits.fondness) {
        new = grownUps[one].seenSeries[chance.pick(grownUps[one].seenSeries.indices)]
      } else if let others = grownUps[1 - one].seenSeries.last, chance.happens(0.3 * habits.fondness) {
        new = others
      } else {
        new = seriesChart.pick(&chance)
      }
      grownUps[one].series = new
      grownUps[one].episode = 0
      grownUps[one].seenSeries.append(new)
    }

    /// To its end: then it may be deleted.
    private mutating func watch(_ title: Int, _ one: Int, _ minute: Int) {
      diary.note(.want, title, by: one, atMinute: minute)
      if chance.happens(habits.tidiness) { diary.note(.drop, title, by: one, atMinute: 23 * 60) }
    }
  }
}
