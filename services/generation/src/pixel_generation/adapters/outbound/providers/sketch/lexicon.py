"""Words people write in a prompt, in a dozen languages, by what the painter can do with them."""

from __future__ import annotations

import re
import unicodedata
from functools import cache

LIGHT_WORDS = {
    "dawn": (
        "dawn sunrise daybreak morgen morgendämmerung sonnenaufgang aube aurore amanecer alba amanhecer "
        "рассвет утро 夜明け 朝焼け 朝日 黎明 日出 새벽 일출 فجر شروق भोर şafak świt 🌅"
    ),
    "sunset": (
        "sunset abendrot sonnenuntergang coucher puesta atardecer tramonto pôr-do-sol закат 夕焼け 夕日 "
        "日落 晚霞 노을 غروب सूर्यास्त günbatımı zachód 🌇"
    ),
    "dusk": (
        "dusk twilight evening dämmerung abend crépuscule crepúsculo crepuscolo сумерки вечер 黄昏 夕暮れ 황혼 مساء शाम"
    ),
    "night": (
        "night midnight nocturne nacht nuit noche notte noite ночь ночи ночной 夜 夜晚 밤 ليل ليلا रात gece noc 🌃 🌙"
    ),
    "storm": (
        "storm stormy rain rainy thunder lightning sturm gewitter regen tempête orage pluie tormenta "
        "lluvia tempesta pioggia tempestade chuva буря гроза дождь 嵐 雨 暴风 下雨 폭풍 비오는 عاصفة مطر "
        "तूफान बारिश ⛈ 🌧 ⚡"
    ),
    "fog": "fog foggy mist misty nebel brume brouillard niebla nebbia neblina туман 霧 雾 안개 ضباب कोहरा 🌫",
    "winter": (
        "winter snow snowy ice frost glacier schnee eis hiver neige invierno nieve inverno neve зима снег "
        "зимний 雪 冬 겨울 눈오는 شتاء ثلج बर्फ kar kış zima ❄ ⛄"
    ),
    "autumn": ("autumn fall herbst automne otoño autunno outono осень 秋 紅葉 가을 خريف शरद sonbahar jesień 🍁 🍂"),
    "spring": (
        "spring blossom blossoms frühling printemps primavera весна 春 桜 樱花 봄 벚꽃 ربيع वसंत ilkbahar wiosna 🌸"
    ),
    "aurora": "aurora borealis northern-lights polarlicht nordlicht boréale сияние オーロラ 极光 오로라 شفق",
    "day": (
        "day noon midday sunny daylight mittag jour midi día mediodía giorno dia день полдень 昼 白天 낮 نهار दिन ☀"
    ),
}

LAND_WORDS = {
    "sea": (
        "sea ocean beach coast shore wave waves island harbor harbour bay meer ozean strand küste welle "
        "insel hafen mer océan plage vague île mar océano playa ola isla mare oceano spiaggia onda praia "
        "море океан пляж волна волны остров 海 海洋 波 島 海岸 바다 파도 섬 بحر محيط شاطئ موج समुद्र "
        "deniz sahil morze 🌊 🏖 🏝"
    ),
    "lake": (
        "lake river pond stream waterfall water fluss teich wasser bergsee lac rivière fleuve étang lago río "
        "agua fiume acqua rio озеро река вода 湖 川 河 水 호수 강 بحيرة نهر ماء झील नदी göl nehir jezioro "
        "rzeka"
    ),
    "mountains": (
        "mountain mountains peak peaks alps valley canyon cliff volcano fuji berg berge gipfel alpen tal "
        "vulkan montagne montagnes vallée montaña montañas valle montagna montanha гора горы горах горный "
        "долина вулкан 山 山脉 富士 谷 산 جبل جبال पहाड़ पर्वत dağ góry ⛰ 🏔 🗻 🌋"
    ),
    "forest": (
        "forest woods woodland jungle wald dschungel forêt jungle bosque selva foresta bosco floresta лес "
        "лесу лесной 森 森林 숲 غابة जंगल orman las 🌲 🌳"
    ),
    "city": (
        "city town skyline street downtown skyscraper metropolis cyberpunk tokyo paris york london stadt "
        "straße ville rue ciudad calle città cidade город города улица 都市 街 城市 東京 도시 거리 مدينة "
        "शहर şehir miasto 🏙 🌆 🌉"
    ),
    "desert": (
        "desert dune dunes sahara oasis wüste düne désert desierto duna deserto пустыня дюны 砂漠 沙漠 "
        "사막 صحراء रेगिस्तान çöl pustynia 🏜 🐪"
    ),
    "hills": (
        "field fields meadow hill hills garden farm countryside grass prairie landscape feld wiese hügel "
        "garten champ prairie colline jardin campo prado colina jardín prato collina giardino поле луг "
        "холм холмы сад 草原 野原 丘 庭 花园 田野 들판 정원 حقل حديقة बगीचा खेत tarla bahçe łąka ogród"
    ),
    "space": (
        "space galaxy nebula cosmos universe planet planets weltraum galaxie kosmos espace cosmos espacio "
        "galaxia spazio galassia espaço космос галактика планета 宇宙 銀河 太空 星系 우주 은하 فضاء مجرة "
        "अंतरिक्ष uzay 🌌 🪐"
    ),
}

SUBJECT_WORDS = {
    "lighthouse": "lighthouse leuchtturm phare faro farol маяк 灯台 灯塔 등대 منارة प्रकाशस्तंभ fener latarnia",
    "house": (
        "house cabin cottage home hut barn village haus hütte dorf maison cabane village casa cabaña "
        "capanna дом домик изба 家 小屋 房子 집 오두막 بيت منزل घर ev dom 🏠 🏡 🛖"
    ),
    "castle": (
        "castle palace fortress tower schloss burg turm château castillo castello castelo замок дворец お城 古城 "
        "城堡 宮殿 성 궁전 قلعة قصر किला kale zamek 🏰"
    ),
    "temple": (
        "temple pagoda shrine torii mosque church tempel kirche temple pagode église templo tempio храм "
        "церковь пагода 寺 神社 塔 鳥居 寺庙 사원 탑 معبد مسجد मंदिर tapınak ⛩ 🛕"
    ),
    "tree": ("tree oak baum eiche arbre chêne árbol albero árvore дерево дуб 木 樹 树 나무 شجرة पेड़ ağaç drzewo 🌴"),
    "boat": (
        "boat ship sailboat sail yacht vessel boot schiff segel bateau voilier navire barco velero barca "
        "nave navio лодка корабль парус 船 舟 ヨット 帆船 배 돛단배 قارب سفينة नाव tekne gemi łódź ⛵ 🚢 "
        "🛶"
    ),
    "bird": (
        "bird birds seagull eagle crane swan owl raven vogel vögel oiseau oiseaux pájaro ave aves uccello "
        "pássaro птица птицы 鳥 鸟 鶴 새 طائر طيور पक्षी चिड़िया kuş ptak 🐦 🦅 🕊 🦢"
    ),
    "flower": (
        "flower flowers rose tulip poppy sunflower lavender blume blumen rosen fleur fleurs flor flores "
        "fiore fiori цветок цветы роза 花 薔薇 花朵 꽃 장미 زهرة زهور ورد फूल çiçek kwiat 🌹 🌷 🌻 🌺 🌼 "
        "💐"
    ),
    "cat": (
        "cat cats kitten katze kätzchen chat chaton gato gatos gatto кот кошка котёнок кошки 猫 ネコ 貓 "
        "고양이 قطة قط बिल्ली kedi kot 🐱 🐈"
    ),
    "person": (
        "person man woman girl boy child traveler samurai astronaut wanderer knight people mensch mann "
        "frau mädchen kind homme femme fille garçon enfant hombre mujer niña niño uomo donna ragazza "
        "homem mulher menina человек женщина мужчина девочка 人 女 男 少女 旅人 사람 소녀 여자 رجل امرأة "
        "طفل आदमी औरत लड़की adam kadın człowiek 👩 👨 🧍 👧 👦"
    ),
    "balloon": (
        "balloon balloons heißluftballon ballon montgolfière globo mongolfiera balão шар воздушный 気球 "
        "热气球 열기구 منطاد गुब्बारा balonu 🎈"
    ),
    "windmill": (
        "windmill mill windmühle mühle moulin molino mulino moinho мельница 風車 风车 풍차 طاحونة değirmen wiatrak"
    ),
    "rocket": (
        "rocket spaceship spacecraft rakete fusée cohete razzo foguete ракета ロケット 火箭 로켓 صاروخ "
        "रॉकेट roket rakieta 🚀 🛸"
    ),
    "moon": "moon mond vollmond lune luna lua луна луны 月 満月 月亮 달 قمر चाँद ay księżyc 🌙 🌕 🌝",
    "sun": "sun sonne soleil sol sole солнце 太陽 太阳 해 태양 شمس सूरज güneş słońce 🌞 ☀",
    "stars": (
        "star stars starry stern sterne étoile étoiles estrella estrellas stella stelle estrela звезда "
        "звёзды 星 星空 별 نجوم نجمة तारे yıldız gwiazdy ⭐ 🌟 ✨"
    ),
}

TINT_WORDS = {
    "red": ("red crimson scarlet rot rouge rojo rosso vermelho красный красная 赤 红 빨간 أحمر लाल kırmızı czerwony"),
    "orange": "orange naranja arancione laranja оранжевый オレンジ 橙 주황 برتقالي नारंगी turuncu",
    "yellow": "yellow gelb jaune amarillo giallo amarelo жёлтый 黄色 노란 أصفر पीला sarı żółty",
    "green": "green emerald grün vert verde зелёный 緑 绿 초록 أخضر हरा yeşil zielony",
    "blue": "blue azure indigo blau bleu azul blu синий голубой 青 蓝 파란 أزرق नीला mavi niebieski",
    "purple": "purple violet lila violett morado viola roxo фиолетовый 紫 보라 بنفسجي बैंगनी mor fioletowy",
    "pink": "pink rosa rose-colored розовый ピンク 粉色 분홍 وردي गुलाबी pembe różowy",
    "gold": "gold golden dorado doré oro dourado золотой 金 金色 황금 ذهبي सुनहरा altın złoty",
    "white": "white weiß blanc blanco bianco branco белый 白 하얀 أبيض सफेद beyaz biały",
    "black": "black schwarz noir negro nero preto чёрный 黒 黑 검은 أسود काला siyah czarny",
}

STYLE_WORDS = {
    "ink": "ink sumi-e sumi calligraphy tusche encre tinta чернила 水墨 墨絵 수묵 حبر",
    "watercolor": ("watercolor watercolour aquarell aquarelle acuarela acquerello aquarela акварель 水彩 수채화 مائية"),
    "oil": "oil impasto ölgemälde huile óleo olio маслом 油絵 油画 유화 زيتية",
    "pastel": "pastel crayon chalk kreide pastell пастель パステル 粉彩 파스텔",
    "neon": "neon cyberpunk synthwave vaporwave неон ネオン 霓虹 네온 نيون",
    "blueprint": "blueprint schematic diagram bauplan чертёж 設計図 蓝图 청사진",
    "woodcut": (
        "woodcut linocut engraving ukiyo-e holzschnitt gravure grabado ксилография гравюра 版画 浮世絵 木刻 판화"
    ),
    "anime": "anime manga cel-shaded ghibli аниме アニメ 动漫 애니메이션 أنمي",
    "photo": (
        "photo photograph photorealistic photography realistic cinematic fotografie fotorealistisch foto "
        "фото фотография 写真 照片 사진 صورة"
    ),
}

_LONGEST_ENDING = 2
_SHORTEST_STEM = 4
_FIRST_UNSPACED = 0x0E00
_KOREAN_PARTICLES = frozenset({"의", "이", "가", "을", "를", "은", "는", "에", "에서", "로", "으로", "과", "와", "도"})
_WORD = re.compile(r"[^\W_]+(?:-[^\W_]+)*")


@cache
def _is_spaced(word: str) -> bool:
    """Return whether the script separates words by spaces; Chinese, Japanese and emoji do not."""
    return all(ord(char) < _FIRST_UNSPACED or "\u1e00" <= char < "\u2000" or _is_hangul(char) for char in word)


def _is_hangul(char: str) -> bool:
    return "\uac00" <= char <= "\ud7a3"


def folded(prompt: str) -> str:
    """Return the prompt in one spelling: compatibility forms unified, case folded, spaces single."""
    return " ".join(unicodedata.normalize("NFKC", prompt).casefold().split())


def _words(text: str) -> frozenset[str]:
    found = set(_WORD.findall(text))
    for word in tuple(found):
        found.update(word.split("-"))
        # Arabic writes the article and some particles onto the word.
        for particle in ("ال", "وال", "بال"):
            if word.startswith(particle):
                found.add(word.removeprefix(particle))
    return frozenset(found)


def _says(words: frozenset[str], text: str, term: str) -> bool:
    if not _is_spaced(term):
        return term in text
    if term in words:
        return True
    if _is_hangul(term[0]):
        return any(word.startswith(term) and word[len(term) :] in _KOREAN_PARTICLES for word in words)
    if len(term) < _SHORTEST_STEM:
        return False
    return any(word.startswith(term) and len(word) - len(term) <= _LONGEST_ENDING for word in words)


@cache
def _folded_terms(terms: str) -> tuple[str, ...]:
    return tuple(folded(terms).split())


def concepts(prompt: str, lexicon: dict[str, str]) -> tuple[str, ...]:
    """Return the lexicon's concepts that the prompt names, in the order of the lexicon."""
    text = folded(prompt)
    words = _words(text)
    return tuple(
        concept for concept, terms in lexicon.items() if any(_says(words, text, term) for term in _folded_terms(terms))
    )
