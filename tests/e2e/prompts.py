"""Realistic prompts: short, long, quoted, in many scripts, with emoji and with characters that break parsers."""

from __future__ import annotations

LONG = (
    "A wide establishing shot of an old fishing village built on stilts over a calm tidal estuary just before sunrise. "
    "Thin fog lies between the wooden houses; two women in yellow raincoats mend nets on a pier in the foreground, a "
    'small blue boat called "Marguerite" is tied beside them. Behind the roofs a line of dark pines climbs a hill, and '
    "above it the first light turns the undersides of the clouds peach and rose. Keep the palette muted, no text, no "
    "frame, no people looking at the camera; the light should come from the right and the water should carry long "
    "reflections of the lamps that are still lit. Painted as if with gouache on rough paper, visible brush marks. "
) * 5

PROMPTS: tuple[str, ...] = (
    "a lighthouse at dawn",
    "cat",
    "A",
    "a neon city at night in the rain, reflections on wet asphalt, 35mm",
    "portrait of my grandmother laughing, soft window light",
    'logo for a bakery called "O\'Malley & Söhne" — minimal, two colours',
    "isometric tiny house, lots of plants, cozy, trending",
    "ein alter Leuchtturm bei Sturm, Öl auf Leinwand, düster",
    "une forêt brumeuse à l'aube, aquarelle légère",
    "un perro con sombrero de copa leyendo el periódico",
    "un gatto nero sul tetto di Roma, luna piena, stile fumetto",
    "zimowy las o świcie, śnieg, cisza, zażółć gęślą jaźń",
    "en röd stuga vid en sjö, midsommar",
    "kahvikuppi ja sadepäivä ikkunalla",
    "egy csendes kikötő hajnalban, árvíztűrő tükörfúrógép",
    "İstanbul'da gün batımı, martılar ve vapurlar",
    "старый маяк на рассвете, акварель",
    "ніч над Дніпром, зорі та туман",
    "ένα ήσυχο λιμάνι στη βροχή",
    "夜明けの灯台、水墨画風",
    "東京の路地裏、ネオン、雨上がり",
    "桜の木の下で眠る猫",
    "清晨的灯塔,水墨画,留白",
    "江南水鄉,煙雨朦朧",
    "새벽의 등대, 수채화",
    "한옥 마을에 내리는 첫눈",
    "منارة قديمة عند الفجر بألوان مائية",
    "مدينة مستقبلية في الصحراء ليلاً",
    "מגדלור ישן בזריחה, צבעי מים",
    "یک باغ ایرانی با فواره در بهار",
    "सूर्योदय के समय नदी किनारे मंदिर",
    "ভোরের নদীতে পালতোলা নৌকা",
    "ประภาคารยามรุ่งอรุณ สีน้ำ",
    "ngọn hải đăng lúc bình minh, tranh thủy mặc",
    "mercusuar saat fajar, cat air",
    "🌅🗼🌊 but make it cozy ✨",
    "family on a bike ride 👨‍👩‍👧‍👦🚲 at sunset, flag 🏳️‍🌈",
    "a robot 🤖 watering sunflowers 🌻🌻🌻",
    "\"quoted\" and 'single' and „deutsche“ and «françaises» and 「日本」",
    "mixed עברית and English and العربية in one line, left to right?",
    "Robert'); DROP TABLE live_jobs;-- a painting of a castle",
    "<script>alert('x')</script> as a stained glass window",
    "${jndi:ldap://x} {{7*7}} %s %d {0} $(id) `ls` as graffiti on a wall",
    "line one\nline two\r\n\ttabbed line three",
    "a mountain   with      many     spaces",
    "Z̸̛̤a̵͓͒l̴̰̽g̶̘̈o̷̡͝ text on an old monitor",
    "ＦＵＬＬＷＩＤＴＨ vaporwave statue ａｅｓｔｈｅｔｉｃ",
    "e=mc² ∑∫√∞ ≠ ½ chalk on a blackboard, ☃ ♞ ✈",
    "[masterpiece:1.4], (best quality), 8k, ((sharp focus)), --ar 16:9 --v 6 --no text",
    "\\\\server\\share\\path C:\\Windows\\System32 as retro pixel art",
    "a https://example.invalid/?q=1&amp;r=2 link carved in stone",
    "a river at noon \u200b with a zero width space",
    LONG[:3900],
)

STYLES = ("", "ink", "watercolor", "oil", "pastel", "neon", "blueprint", "woodcut", "anime", "photo")
RATIOS = ("1:1", "16:9", "9:16", "4:3", "3:4", "3:2", "2:3", "21:9")
