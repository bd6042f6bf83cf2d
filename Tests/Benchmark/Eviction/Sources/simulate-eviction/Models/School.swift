// A school's weeks: lessons that come again in each class and each year, exams, and a library that is nobody's plan.

/// 640 users of one box. README.md beside the package says where the figures come from.
struct School {
  var years = 3
  /// How likely a pupil deletes a lesson that they have seen.
  var tidiness = 0.3
  /// How much of a year's lessons come again in the next.
  var fondness = 1.0

  private static let grades = 6
  private static let classes = 4
  private static let pupils = 25
  private static let subjects = 8
  private static let teachers = 40
  private static let weeks = 36

  func trace(seed: UInt64) -> Trace {
    var house = House(self, seed: seed)
    for year in 0..<years { house.live(year) }
    return house.trace
  }

  private struct House {
    let habits: School
    var trace = Trace()
    private var chance: Chance
    private var catalogue = Catalogue()
    /// By grade, subject and week: the lesson's video, when there is one.
    private var plan: [Int?]
    private let library: [Int]
    private let chart = Zipf(count: 2000, exponent: 0.9)

    init(_ habits: School, seed: UInt64) {
      self.habits = habits
      chance = Chance(seed: seed)
      library = catalogue.add(2000, mebibytes: 500...2000, &chance)
      plan = []
      for _ in 0..<School.grades * School.subjects * School.weeks {
        plan.append(chance.happens(0.5) ? catalogue.add(mebibytes: chance.pick(100...600)) : nil)
      }
    }

    mutating func live(_ year: Int) {
      if year > 0 { revise() }
      // A diary for each day of the year: a lesson has consequences in the days after it.
      var days = Array(repeating: Diary(), count: (School.weeks + 4) * 7)
      for grade in 0..<School.grades {
        for room in 0..<School.classes {
          teach(grade, room, year, &days)
          for pupil in 0..<School.pupils { browse(user(grade, room, pupil, year), &days) }
        }
      }
      // Terms and holidays: after 18 weeks two are free, and the year ends with the rest of them.
      for day in days.indices {
        let week = day / 7
        days[day].close(day: year * 364 + day + (week >= 18 ? 14 : 0), catalogue, into: &trace)
      }
    }

    /// A pupil keeps the account while moving up; those who leave hand theirs to the new.
    private func user(_ grade: Int, _ room: Int, _ pupil: Int, _ year: Int) -> Int {
      let cohort = (grade - year % School.grades + School.grades) % School.grades
      return (cohort * School.classes + room) * School.pupils + pupil
    }

    private func teacher(_ subject: Int, _ room: Int, _ grade: Int) -> Int {
      School.grades * School.classes * School.pupils + (subject * 5 + (grade * School.classes + room) % 5)
    }

    private func lesson(_ grade: Int, _ subject: Int, _ week: Int) -> Int? {
      plan[(grade * School.subjects + subject) * School.weeks + week]
    }

    private mutating func revise() {
      for place in plan.indices where plan[place] != nil && !chance.happens(0.85 * habits.fondness) {
        plan[place] = catalogue.add(mebibytes: chance.pick(100...600))
      }
    }

    private mutating func teach(_ grade: Int, _ room: Int, _ year: Int, _ days: inout [Diary]) {
      for subject in 0..<School.subjects {
        // Classes of a grade are up to two weeks apart.
        let lag = chance.pick(0...10)
        var seen: [Int] = []
        for week in 0..<School.weeks {
          if let video = lesson(grade, subject, week) {
            let day = schoolDay(week * 7 + chance.pick(0...4) + lag)
            let minute = chance.pick(8 * 60...14 * 60)
            let teacher = teacher(subject, room, grade)
            days[day].note(.want, video, by: teacher, atMinute: minute)
            if chance.happens(0.3) { days[day].note(.drop, video, by: teacher, atMinute: 17 * 60) }
            for pupil in 0..<School.pupils where chance.happens(0.25) {
              study(video, user(grade, room, pupil, year), after: day, &days)
            }
            seen.append(video)
          }
          if week % 18 == 17 {
            examine(seen, grade, room, year, schoolDay(week * 7 + lag), &days)
            seen = []
          }
        }
      }
    }

    /// Homework, within a week.
    private mutating func study(_ video: Int, _ pupil: Int, after day: Int, _ days: inout [Diary]) {
      let first = day + chance.pick(0...6)
      days[first].note(.want, video, by: pupil, atMinute: chance.pick(15 * 60...20 * 60))
      if chance.happens(0.1) {
        days[first + 1].note(.want, video, by: pupil, atMinute: chance.pick(15 * 60...20 * 60))
      } else if chance.happens(habits.tidiness) {
        days[first].note(.drop, video, by: pupil, atMinute: 22 * 60)
      }
    }

    /// Before an exam: some of the term's lessons once more.
    private mutating func examine(
      _ seen: [Int], _ grade: Int, _ room: Int, _ year: Int, _ day: Int, _ days: inout [Diary]
    ) {
      for pupil in 0..<School.pupils where !seen.isEmpty && chance.happens(0.25) {
        for _ in 0..<chance.pick(1...3) {
          let video = seen[chance.pick(seen.indices)]
          days[day - chance.pick(0...5)].note(
            .want, video, by: user(grade, room, pupil, year), atMinute: chance.pick(15 * 60...20 * 60))
        }
      }
    }

    /// What a pupil watches for pleasure, every other week, and mostly deletes.
    private mutating func browse(_ pupil: Int, _ days: inout [Diary]) {
      for week in 0..<School.weeks where chance.happens(0.5) {
        let day = week * 7 + chance.pick(0...6)
        let title = library[chart.pick(&chance)]
        days[day].note(.want, title, by: pupil, atMinute: chance.pick(15 * 60...20 * 60))
        if chance.happens(0.5) { days[day].note(.drop, title, by: pupil, atMinute: 22 * 60) }
      }
    }

    /// No school on weekends.
    private func schoolDay(_ day: Int) -> Int { day % 7 < 5 ? day : day + 7 - day % 7 }
  }
}
