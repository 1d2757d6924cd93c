// A made-up corpus for retrieval: invented places, twelve facts about each, in English or Spanish, and questions about
// them. Half of the questions use the passage's own words; the others inflect them (Velmora → Velmoran, exports →
// exporting), so that a word index without stemming misses some.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sarai::test {

struct CorpusPassage {
    std::string path;
    std::string text;
};
struct CorpusQuestion {
    std::string text;
    std::size_t passage = 0;  // that answers it
    bool inflected = false;
};
struct Corpus {
    std::vector<CorpusPassage> passages;
    std::vector<CorpusQuestion> questions;
};

namespace corpus {

struct Topic {
    std::string_view name, fact, plain, inflected;  // @: the place, %: its people's adjective, #: the fact's own value
};

inline constexpr std::array<Topic, 12> english{{
    {"history", "@ was founded by settlers in #, after two winters on the coast. Its charter is kept in the old tower.",
     "When was @ founded by settlers?", "In which year fell the % foundation by settling families?"},
    {"trade", "@ exports # to its neighbours. The caravans leave in spring, and half of the income is saved.",
     "What does @ export to its neighbours?", "Which goods make up % exporting to neighbouring lands?"},
    {"rule", "The council that governs @ has # members, who are elected every five years by all adults.",
     "How many members has the council that governs @?",
     "How large is the % governing assembly after electing councillors?"},
    {"climate", "Rain falls in @ on # days of a year. Storms come from the west and seldom last until evening.",
     "On how many days does rain fall in @?", "How often do % days turn rainy and stormy?"},
    {"music", "Musicians of @ play the #, an instrument of wood and bone. Children begin with it at six.",
     "Which instrument do musicians of @ play?", "What are % musical players heard playing?"},
    {"food", "Cooks in @ season fish with # and smoke it over pine. Strangers find it bitter at first.",
     "With what do cooks in @ season fish?", "What is the % seasoning when cooking fishes?"},
    {"bridge", "The bridge of @ crosses the gorge on # arches. Engineers repaired it after the flood.",
     "On how many arches does the bridge of @ cross the gorge?",
     "How many arched supports carry % bridges in repairing plans?"},
    {"school", "The academy of @ teaches # to its students. Lessons are free, and are given at dawn.",
     "What does the academy of @ teach its students?", "Which subject are % academics teaching in their schooling?"},
    {"health", "Physicians in @ treat fever with #. The remedy is sold in every market for a copper coin.",
     "With what do physicians in @ treat fever?", "Which remedies serve in the % treatment of feverish people?"},
    {"law", "Whoever pollutes the river of @ pays # silver coins. Judges announce the sentence in public.",
     "How many silver coins pays whoever pollutes the river of @?",
     "What payment follows polluting a % riverside, by judgement?"},
    {"animals", "Farmers around @ breed #, which graze on the salt meadows. Their wool is grey and thick.",
     "What do farmers around @ breed?", "Which animal is kept for breeding on % farmland and grazing?"},
    {"festival", "The people of @ celebrate the # festival at the first full moon. Lanterns float on the lake.",
     "Which festival do the people of @ celebrate?",
     "What is the name of the % celebration and its lantern festivities?"},
}};

inline constexpr std::array<Topic, 12> spanish{{
    {"historia",
     "@ fue fundada por colonos en #, tras dos inviernos en la costa. Su carta se guarda en la torre vieja.",
     "¿Cuándo fue fundada @ por colonos?", "¿En qué año tuvo lugar la fundación % de la colonia?"},
    {"comercio", "@ exporta # a sus vecinos. Las caravanas salen en primavera, y la mitad del ingreso se ahorra.",
     "¿Qué exporta @ a sus vecinos?", "¿En qué consisten las exportaciones %s hacia la vecindad?"},
    {"gobierno", "El consejo que gobierna @ tiene # miembros, elegidos cada cinco años por todos los adultos.",
     "¿Cuántos miembros tiene el consejo que gobierna @?",
     "¿Cuántos consejeros forman el órgano gobernante % tras la elección?"},
    {"clima", "En @ llueve # días al año. Las tormentas llegan del oeste y rara vez duran hasta la noche.",
     "¿Cuántos días al año llueve en @?", "¿Con qué frecuencia son lluviosas y tormentosas las jornadas %s?"},
    {"música", "Los músicos de @ tocan el #, un instrumento de madera y hueso. Los niños empiezan a los seis años.",
     "¿Qué instrumento tocan los músicos de @?", "¿Qué pieza musical es la instrumental favorita % para tocarla?"},
    {"cocina", "Los cocineros de @ aliñan el pescado con # y lo ahúman con pino. A los forasteros les amarga.",
     "¿Con qué aliñan el pescado los cocineros de @?", "¿Cuál es el aliño % al cocinar pescados?"},
    {"puente", "El puente de @ cruza la garganta sobre # arcos. Los ingenieros lo repararon tras la crecida.",
     "¿Sobre cuántos arcos cruza la garganta el puente de @?",
     "¿Cuántas arcadas sostienen los puentes %s tras la reparación?"},
    {"escuela", "La academia de @ enseña # a sus alumnos. Las clases son gratuitas y se dan al alba.",
     "¿Qué enseña la academia de @ a sus alumnos?", "¿Cuál es la enseñanza % para el alumnado académico?"},
    {"salud", "Los médicos de @ tratan la fiebre con #. El remedio se vende en los mercados por un cobre.",
     "¿Con qué tratan la fiebre los médicos de @?", "¿Qué medicina se usa en el tratamiento % de los febriles?"},
    {"ley", "Quien contamina el río de @ paga # monedas de plata. Los jueces anuncian la pena en público.",
     "¿Cuántas monedas de plata paga quien contamina el río de @?",
     "¿Qué pago conlleva la contaminación de los ríos %s según el juzgado?"},
    {"animales", "Los granjeros de @ crían #, que pacen en los prados salados. Su lana es gris y espesa.",
     "¿Qué crían los granjeros de @?", "¿Cuál es el animal de crianza en las granjas %s?"},
    {"fiesta", "La gente de @ celebra la fiesta de # en la primera luna llena. Los faroles flotan en el lago.",
     "¿Qué fiesta celebra la gente de @?", "¿Cómo se llaman las celebraciones %s y festejos de farolillos?"},
}};

inline std::string filled(std::string_view pattern, std::string_view place, std::string_view adjective,
                          std::string_view value) {
    std::string text;
    for (const char c : pattern) {
        if (c == '@')
            text += place;
        else if (c == '%')
            text += adjective;
        else if (c == '#')
            text += value;
        else
            text += c;
    }
    return text;
}

}  // namespace corpus

// Twelve passages a place, alternately English and Spanish; two questions a passage.
inline Corpus make_corpus(std::size_t places) {
    static constexpr std::array<std::string_view, 16> begin{"Vel", "Tar", "Or",  "Mis", "Bren", "Cal", "Dor", "Fen",
                                                            "Gal", "Hul", "Jas", "Kor", "Lun",  "Nar", "Pol", "Sur"};
    static constexpr std::array<std::string_view, 12> middle{"mo", "ti", "ga",  "sel", "dru", "ven",
                                                             "li", "ka", "ros", "bi",  "no",  "fa"};
    static constexpr std::array<std::string_view, 4> end{"ra", "na", "ssa", "lda"};
    std::uint64_t state = 2026;
    const auto draw = [&](std::size_t below) {  // Knuth's MMIX constants
        state = state * 6364136223846793005U + 1442695040888963407U;
        return static_cast<std::size_t>(state >> 33) % below;
    };
    Corpus made;
    for (std::size_t place = 0; place < places; ++place) {
        auto name = std::string(begin[place % 16]).append(middle[place / 16 % 12]).append(end[place / 192 % 4]);
        if (place >= 768) name.append(middle[place / 768 % 12]).append("ra");
        const bool english = place % 2 == 0;
        const auto adjective = name + (english ? "n" : "no");
        const auto& topics = english ? corpus::english : corpus::spanish;
        for (const auto& topic : topics) {
            const auto value =
                std::string(begin[draw(16)]).append(middle[draw(12)]).append(std::to_string(100 + draw(900)));
            const auto at = made.passages.size();
            made.passages.push_back(
                {name + "/" + std::string(topic.name) + ".txt", corpus::filled(topic.fact, name, adjective, value)});
            made.questions.push_back({corpus::filled(topic.plain, name, adjective, ""), at, false});
            made.questions.push_back({corpus::filled(topic.inflected, name, adjective, ""), at, true});
        }
    }
    return made;
}

}  // namespace sarai::test
