"""What the simulator knows of the world: adverse events, laboratory values, vital signs.

Rates and values are plausible for the population and taken from no single source; nothing here is
an estimate, and nothing outside the simulator reads it.
"""

from dataclasses import dataclass

INFECTION = "Infections and infestations"
CARDIAC = "Cardiac disorders"
VASCULAR = "Vascular disorders"
RESPIRATORY = "Respiratory, thoracic and mediastinal disorders"
RENAL = "Renal and urinary disorders"
PSYCHIATRIC = "Psychiatric disorders"
NERVOUS = "Nervous system disorders"
METABOLISM = "Metabolism and nutrition disorders"
INVESTIGATION = "Investigations"
BLOOD = "Blood and lymphatic system disorders"
GASTROINTESTINAL = "Gastrointestinal disorders"
SKIN = "Skin and subcutaneous tissue disorders"
IMMUNE = "Immune system disorders"
MUSCULOSKELETAL = "Musculoskeletal and connective tissue disorders"
GENERAL = "General disorders and administration site conditions"
INJURY = "Injury, poisoning and procedural complications"


@dataclass(frozen=True)
class Event:
    """A preferred term and how it comes about.

    Attributes:
        rate: first events per patient-day in hospital.
        grades: weights of CTCAE grades 1 to 4.
        serious: probability that an event below grade 4 is serious.
        duration: median days until it ends.
        verbatim: how investigators write it.
    """

    term: str
    body_system: str
    rate: float
    grades: tuple[float, float, float, float] = (4, 4, 2, 0)
    serious: float = 0.05
    duration: float = 6.0
    verbatim: tuple[str, ...] = ()


_MILD = (6.0, 3.0, 1.0, 0.0)
_SEVERE = (0.0, 3.0, 6.0, 2.0)
_CRITICAL = (0.0, 0.0, 4.0, 6.0)

CRITICAL_CARE = (
    Event(
        "Pneumonia bacterial",
        INFECTION,
        0.010,
        _SEVERE,
        0.45,
        9,
        ("ventilator associated pneumonia", "bacterial pneumonia", "Hospital-acquired pneumonia"),
    ),
    Event("Sepsis", INFECTION, 0.005, _SEVERE, 0.8, 8, ("sepsis", "Sepsis, blood culture pos.")),
    Event("Septic shock", INFECTION, 0.003, _CRITICAL, 1.0, 6),
    Event("Urinary tract infection", INFECTION, 0.004, (2, 6, 1, 0), 0.05, 7, ("UTI",)),
    Event("Bronchopulmonary aspergillosis", INFECTION, 0.0015, _SEVERE, 0.6, 20),
    Event("Device related infection", INFECTION, 0.002, (0, 6, 3, 0), 0.2, 7, ("line infection",)),
    Event("Oral candidiasis", INFECTION, 0.003, _MILD, 0.0, 8, ("oral thrush",)),
    Event(
        "Acute kidney injury", RENAL, 0.009, (3, 4, 3, 1), 0.3, 9, ("AKI", "acute renal failure")
    ),
    Event("Atrial fibrillation", CARDIAC, 0.005, (1, 5, 3, 0.3), 0.2, 2, ("AF", "new onset AF")),
    Event("Supraventricular tachycardia", CARDIAC, 0.0015, (2, 4, 2, 0), 0.1, 1, ("SVT",)),
    Event("Bradycardia", CARDIAC, 0.004, _MILD, 0.05, 2),
    Event("Ventricular tachycardia", CARDIAC, 0.001, _SEVERE, 0.6, 1, ("VT",)),
    Event("Cardiac arrest", CARDIAC, 0.0008, (0, 0, 0, 1), 1.0, 1),
    Event("Cardiac failure", CARDIAC, 0.002, _SEVERE, 0.4, 9, ("heart failure",)),
    Event("Acute myocardial infarction", CARDIAC, 0.001, _SEVERE, 1.0, 5, ("NSTEMI",)),
    Event("Hypotension", VASCULAR, 0.009, (2, 5, 3, 0.3), 0.08, 2, ("low blood pressure",)),
    Event("Hypertension", VASCULAR, 0.006, (3, 5, 2, 0), 0.0, 6, ("raised blood pressure",)),
    Event("Deep vein thrombosis", VASCULAR, 0.003, (0, 6, 3, 0), 0.3, 18, ("DVT left leg", "DVT")),
    Event("Pulmonary embolism", RESPIRATORY, 0.0025, _SEVERE, 0.9, 15, ("PE", "pulm. embolism")),
    Event("Pneumothorax", RESPIRATORY, 0.0025, (1, 4, 4, 1), 0.6, 6),
    Event("Pneumomediastinum", RESPIRATORY, 0.0015, (4, 4, 2, 0), 0.3, 8),
    Event("Acute respiratory failure", RESPIRATORY, 0.004, _CRITICAL, 1.0, 9),
    Event("Acute respiratory distress syndrome", RESPIRATORY, 0.003, _CRITICAL, 1.0, 9, ("ARDS",)),
    Event("Multiple organ dysfunction syndrome", GENERAL, 0.002, _CRITICAL, 1.0, 9),
    Event("Epistaxis", RESPIRATORY, 0.002, _MILD, 0.0, 1, ("nose bleed",)),
    Event("Delirium", PSYCHIATRIC, 0.010, (3, 5, 3, 0), 0.1, 4, ("ICU delirium", "confusion")),
    Event("Agitation", PSYCHIATRIC, 0.004, _MILD, 0.0, 2),
    Event("Insomnia", PSYCHIATRIC, 0.006, (7, 3, 0, 0), 0.0, 7, ("sleeplessness",)),
    Event("Anxiety", PSYCHIATRIC, 0.004, (7, 3, 0, 0), 0.0, 7),
    Event("Headache", NERVOUS, 0.004, (8, 2, 0, 0), 0.0, 2),
    Event(
        "Hyperglycaemia",
        METABOLISM,
        0.014,
        (2, 5, 4, 0.2),
        0.02,
        7,
        ("high blood sugar", "steroid-induced hyperglycemia", "hyperglycemia"),
    ),
    Event("Hypokalaemia", METABOLISM, 0.010, (6, 2, 2, 0.2), 0.01, 3, ("low potassium",)),
    Event("Hypernatraemia", METABOLISM, 0.006, (5, 4, 1, 0), 0.01, 4),
    Event("Hyperkalaemia", METABOLISM, 0.004, (4, 3, 2, 0.3), 0.1, 2),
    Event("Hypoalbuminaemia", METABOLISM, 0.007, (4, 6, 0.5, 0), 0.0, 12, ("low albumin",)),
    Event(
        "Alanine aminotransferase increased",
        INVESTIGATION,
        0.011,
        (6, 3, 1.5, 0.1),
        0.02,
        9,
        ("ALT raised", "elevated ALT", "liver enzymes up"),
    ),
    Event(
        "Aspartate aminotransferase increased",
        INVESTIGATION,
        0.007,
        (6, 3, 1, 0.1),
        0.02,
        8,
        ("AST raised",),
    ),
    Event("Blood bilirubin increased", INVESTIGATION, 0.003, (5, 3, 1, 0), 0.02, 7),
    Event("Anaemia", BLOOD, 0.011, (3, 5, 3, 0), 0.05, 14, ("anemia", "drop in Hb")),
    Event("Thrombocytopenia", BLOOD, 0.005, (5, 3, 2, 0.4), 0.05, 7, ("low platelets",)),
    Event("Leukocytosis", BLOOD, 0.003, (7, 3, 0, 0), 0.0, 6),
    Event("Constipation", GASTROINTESTINAL, 0.010, (7, 4, 0, 0), 0.0, 4),
    Event(
        "Diarrhoea", GASTROINTESTINAL, 0.007, (7, 3, 0.5, 0), 0.0, 3, ("diarrhea", "loose stools")
    ),
    Event("Nausea", GASTROINTESTINAL, 0.006, (8, 2, 0, 0), 0.0, 2),
    Event("Gastrointestinal haemorrhage", GASTROINTESTINAL, 0.002, _SEVERE, 0.7, 4, ("GI bleed",)),
    Event("Rash", SKIN, 0.002, _MILD, 0.02, 5, ("skin rash", "maculopapular rash")),
    Event("Pruritus", SKIN, 0.0015, (8, 2, 0, 0), 0.0, 4, ("itching",)),
    Event("Urticaria", SKIN, 0.0008, (5, 4, 1, 0), 0.05, 2, ("hives",)),
    Event("Drug hypersensitivity", IMMUNE, 0.0008, (3, 5, 2, 0.2), 0.15, 3, ("drug allergy",)),
    Event("Anaphylactic reaction", IMMUNE, 0.0001, _CRITICAL, 1.0, 1),
    Event("Muscular weakness", MUSCULOSKELETAL, 0.004, (3, 5, 2, 0), 0.05, 21),
    Event("Pyrexia", GENERAL, 0.006, (7, 3, 0.3, 0), 0.02, 2, ("fever", "high temperature")),
)

OUTPATIENT = (
    Event("Nasopharyngitis", INFECTION, 0.0012, (7, 3, 0, 0), 0.0, 8, ("common cold",)),
    Event("Upper respiratory tract infection", INFECTION, 0.0009, _MILD, 0.01, 9, ("URTI",)),
    Event("Urinary tract infection", INFECTION, 0.0006, (4, 6, 0.5, 0), 0.05, 8, ("UTI",)),
    Event("Nausea", GASTROINTESTINAL, 0.0008, (7, 3, 0, 0), 0.0, 3),
    Event("Diarrhoea", GASTROINTESTINAL, 0.0009, (7, 3, 0, 0), 0.0, 3, ("diarrhea",)),
    Event("Vomiting", GASTROINTESTINAL, 0.0005, (7, 3, 0, 0), 0.01, 2),
    Event("Dizziness", NERVOUS, 0.0012, (7, 3, 0.2, 0), 0.02, 6, ("dizzy spells",)),
    Event("Headache", NERVOUS, 0.0010, (7, 3, 0, 0), 0.0, 2),
    Event("Syncope", NERVOUS, 0.0002, (0, 5, 3, 0), 0.5, 1, ("fainting",)),
    Event("Agitation", PSYCHIATRIC, 0.0004, _MILD, 0.02, 8),
    Event("Insomnia", PSYCHIATRIC, 0.0005, (7, 3, 0, 0), 0.0, 14),
    Event("Fall", INJURY, 0.0005, _MILD, 0.1, 1),
    Event("Pruritus", SKIN, 0.0012, (7, 3, 0, 0), 0.0, 15, ("itching",)),
    Event("Rash", SKIN, 0.0008, (7, 3, 0, 0), 0.0, 10),
    Event("Cough", RESPIRATORY, 0.0005, (8, 2, 0, 0), 0.0, 10),
    Event("Back pain", MUSCULOSKELETAL, 0.0005, (6, 4, 0, 0), 0.0, 10),
    Event("Fatigue", GENERAL, 0.0006, (7, 3, 0, 0), 0.0, 15, ("tiredness",)),
    Event("Sinus bradycardia", CARDIAC, 0.0005, (8, 2, 0, 0), 0.02, 10),
    Event("Sudden death", GENERAL, 0.0, _CRITICAL, 1.0, 1),
    Event("Myocardial infarction", CARDIAC, 0.0002, _SEVERE, 1.0, 8),
    Event("Hypertension", VASCULAR, 0.0003, (4, 5, 1, 0), 0.02, 20),
)

# What people die of: the term, its weight among deaths, and how many days at most it lasts. Each
# is also an event that people survive, or one that ends on its day: an ongoing event foretells
# nothing.
CRITICAL_CARE_DEATHS = (
    ("Acute respiratory failure", 5.0, 5),
    ("Acute respiratory distress syndrome", 3.0, 5),
    ("Multiple organ dysfunction syndrome", 3.0, 4),
    ("Septic shock", 3.0, 3),
    ("Cardiac arrest", 1.0, 0),
    ("Pulmonary embolism", 0.6, 1),
)
OUTPATIENT_DEATHS = (("Sudden death", 1.0, 0), ("Myocardial infarction", 1.0, 2))

# Body systems of terms that definitions name and the tables above do not.
BODY_SYSTEMS = {
    "Anaphylactic shock": IMMUNE,
    "Anaphylactoid reaction": IMMUNE,
    "Hypersensitivity": IMMUNE,
    "Type I hypersensitivity": IMMUNE,
    "Cytokine release syndrome": IMMUNE,
    "Graft versus host disease": IMMUNE,
    "Angioedema": SKIN,
    "Bronchospasm": RESPIRATORY,
    "Pulmonary infarction": RESPIRATORY,
    "Pulmonary thrombosis": RESPIRATORY,
    "Pulmonary microemboli": RESPIRATORY,
    "Venous thrombosis": VASCULAR,
    "Acute coronary syndrome": CARDIAC,
    "Myocardial infarction": CARDIAC,
    "Angina unstable": CARDIAC,
    "Ventricular fibrillation": CARDIAC,
    "Bacteremia": INFECTION,
    "Infusion related reaction": INJURY,
    "Infusion related hypersensitivity reaction": IMMUNE,
    "Procedural complication": INJURY,
    "Post procedural complication": INJURY,
    "Bronchoscopy complication": INJURY,
}
RARE_RATE = 0.00012


@dataclass(frozen=True)
class Quantity:
    """A laboratory test: its value at recovered lungs and its course with severity.

    The median is `median * exp(slope * severity)`, severity running from 0 (recovered) to 1
    (moribund); `between` and `within` are standard deviations of the logarithm. `detection` is the
    limit below which the laboratory reports "<limit". All in `unit`.
    """

    code: str
    name: str
    category: str
    specimen: str
    unit: str
    median: float
    slope: float
    between: float
    within: float
    decimals: int
    low: float | None
    high: float | None
    detection: float | None = None


_CHEMISTRY, _HEMATOLOGY, _IMMUNOLOGY = "CHEMISTRY", "HEMATOLOGY", "IMMUNOLOGY"

LABORATORY = (
    Quantity(
        "CRP", "C Reactive Protein", _IMMUNOLOGY, "SERUM", "mg/L", 4, 3.2, 0.5, 0.3, 1, None, 8, 0.5
    ),
    Quantity(
        "INTLK6", "Interleukin 6", _IMMUNOLOGY, "SERUM", "pg/mL", 4, 3.4, 0.7, 0.4, 1, None, 7, 1.5
    ),
    *(
        Quantity(code, name, _IMMUNOLOGY, "SERUM", "pg/mL", *values, 0.6, 0.35, 1, None, *limits)
        for code, name, values, limits in (
            ("INTLK1B", "Interleukin 1 Beta", (2.2, 0.7), (5.0, 0.5)),
            ("INTLK2", "Interleukin 2", (2.0, 0.5), (6.0, 0.5)),
            ("INTLK8", "Interleukin 8", (12.0, 1.8), (62.0, 2.0)),
            ("INTLK10", "Interleukin 10", (3.0, 1.9), (9.1, 0.8)),
            ("TNF", "Tumor Necrosis Factor", (6.0, 0.9), (8.1, 1.0)),
        )
    ),
    Quantity("FERRITIN", "Ferritin", _CHEMISTRY, "SERUM", "ug/L", 220, 2.0, 0.5, 0.2, 0, 30, 400),
    Quantity(
        "DDIMER",
        "D-Dimer",
        "COAGULATION",
        "PLASMA",
        "mg/L FEU",
        0.4,
        2.2,
        0.6,
        0.3,
        2,
        None,
        0.5,
        0.1,
    ),
    Quantity(
        "ALT", "Alanine Aminotransferase", _CHEMISTRY, "SERUM", "U/L", 28, 0.7, 0.4, 0.2, 0, 9, 50
    ),
    Quantity(
        "AST",
        "Aspartate Aminotransferase",
        _CHEMISTRY,
        "SERUM",
        "U/L",
        26,
        0.8,
        0.35,
        0.2,
        0,
        15,
        40,
    ),
    Quantity(
        "ALP", "Alkaline Phosphatase", _CHEMISTRY, "SERUM", "U/L", 75, 0.3, 0.3, 0.12, 0, 45, 125
    ),
    Quantity(
        "LDH",
        "Lactate Dehydrogenase",
        _CHEMISTRY,
        "SERUM",
        "U/L",
        190,
        0.9,
        0.25,
        0.12,
        0,
        120,
        250,
    ),
    Quantity("BILI", "Bilirubin", _CHEMISTRY, "SERUM", "umol/L", 10, 0.5, 0.35, 0.2, 1, 3.4, 20.5),
    Quantity("CREAT", "Creatinine", _CHEMISTRY, "SERUM", "umol/L", 70, 0.35, 0.25, 0.12, 0, 57, 97),
    # Follows from creatinine, age and sex; only precision and range count.
    Quantity(
        "GFRE",
        "Glomerular Filtration Rate, Estimated",
        _CHEMISTRY,
        "SERUM",
        "mL/min/1.73m2",
        90,
        0,
        0,
        0,
        0,
        60,
        None,
    ),
    Quantity("HGB", "Hemoglobin", _HEMATOLOGY, "BLOOD", "g/L", 135, -0.25, 0.1, 0.04, 0, 115, 170),
    Quantity(
        "PLAT", "Platelets", _HEMATOLOGY, "BLOOD", "10^9/L", 230, -0.25, 0.25, 0.12, 0, 125, 350
    ),
    Quantity(
        "WBC", "Leukocytes", _HEMATOLOGY, "BLOOD", "10^9/L", 6.8, 0.6, 0.25, 0.15, 2, 3.5, 9.5
    ),
    Quantity(
        "LYM", "Lymphocytes", _HEMATOLOGY, "BLOOD", "10^9/L", 1.6, -0.95, 0.3, 0.2, 2, 1.1, 3.2
    ),
)
# A test that no definition names: an extract brings more than a protocol asks for.
UNASKED = Quantity(
    "UREAN", "Urea Nitrogen", _CHEMISTRY, "SERUM", "mmol/L", 5.2, 0.7, 0.25, 0.12, 1, 2.5, 7.5
)

GASES = (
    Quantity(
        "PO2",
        "Partial Pressure Oxygen",
        "BLOOD GAS",
        "ARTERIAL BLOOD",
        "mmHg",
        75,
        0,
        0,
        0,
        1,
        None,
        None,
    ),
    Quantity(
        "FIO2",
        "Fraction of Inspired Oxygen",
        "BLOOD GAS",
        "ARTERIAL BLOOD",
        "fraction",
        0.4,
        0,
        0,
        0,
        2,
        None,
        None,
    ),
    Quantity(
        "PCO2",
        "Partial Pressure Carbon Dioxide",
        "BLOOD GAS",
        "ARTERIAL BLOOD",
        "mmHg",
        38,
        0,
        0,
        0,
        1,
        None,
        None,
    ),
    Quantity("PH", "pH", "BLOOD GAS", "ARTERIAL BLOOD", "1", 7.42, 0, 0, 0, 2, None, None),
    Quantity(
        "LACTICAC",
        "Lactic Acid",
        "BLOOD GAS",
        "ARTERIAL BLOOD",
        "mmol/L",
        1.1,
        1.1,
        0.25,
        0.2,
        1,
        None,
        None,
    ),
)


@dataclass(frozen=True)
class VitalSign:
    """A vital sign: `mean + slope * severity`, with standard deviations, in `unit`."""

    code: str
    name: str
    unit: str
    mean: float
    slope: float
    between: float
    within: float
    decimals: int


VITAL_SIGNS = (
    VitalSign("OXYSAT", "Oxygen Saturation", "%", 97.0, -6.0, 0.6, 0.8, 0),
    VitalSign("SYSBP", "Systolic Blood Pressure", "mmHg", 124, -8, 10, 8, 0),
    VitalSign("DIABP", "Diastolic Blood Pressure", "mmHg", 75, -5, 6, 5, 0),
    VitalSign("PULSE", "Pulse Rate", "beats/min", 78, 26, 8, 6, 0),
    VitalSign("RESP", "Respiratory Rate", "breaths/min", 16, 14, 1.5, 1.8, 0),
    VitalSign("TEMP", "Temperature", "C", 36.7, 0.9, 0.2, 0.3, 1),
)

# Findings of other domains, by their code: as laboratory tests, in the domain of their measure.
OTHER_FINDINGS = (
    Quantity("CD3", "CD3", "T CELLS", "BLOOD", "10^6/L", 1150, -1.1, 0.3, 0.15, 0, 690, 2540),
    Quantity("CD4", "CD4", "T CELLS", "BLOOD", "10^6/L", 640, -1.1, 0.3, 0.15, 0, 410, 1590),
    Quantity("CD8", "CD8", "T CELLS", "BLOOD", "10^6/L", 420, -1.2, 0.35, 0.15, 0, 190, 1140),
    Quantity(
        "QTCFAG",
        "QTcF Interval, Aggregate",
        "INTERVAL",
        "",
        "msec",
        415,
        0.06,
        0.04,
        0.02,
        0,
        None,
        None,
    ),
    Quantity(
        "EGHRMN",
        "ECG Mean Heart Rate",
        "MEASUREMENT",
        "",
        "beats/min",
        78,
        0.3,
        0.1,
        0.08,
        0,
        None,
        None,
    ),
)


@dataclass(frozen=True)
class Medicine:
    """A medicine: what against, the share who have it, and for how many days, at least and most."""

    term: str
    indication: str
    rate: float
    days: tuple[int, int] = (0, 0)


COURSES = (
    Medicine("DEXAMETHASONE", "COVID-19", 0.65, (6, 10)),
    Medicine("METHYLPREDNISOLONE", "COVID-19", 0.2, (4, 9)),
    Medicine("ENOXAPARIN", "THROMBOSIS PROPHYLAXIS", 0.75, (8, 30)),
    Medicine("MEROPENEM", "PNEUMONIA", 0.3, (5, 12)),
    Medicine("PANTOPRAZOLE", "ULCER PROPHYLAXIS", 0.5, (8, 30)),
)
SINGLE_DOSES = (
    Medicine("PARACETAMOL", "FEVER", 0.35),
    Medicine("FUROSEMIDE", "FLUID OVERLOAD", 0.3),
    Medicine("CHLORPHENAMINE", "ITCHING", 0.08),
    Medicine("DEXAMETHASONE", "COVID-19", 0.05),
)
PREMEDICATION = (
    Medicine("CHLORPHENAMINE", "PREMEDICATION", 0.9),
    Medicine("DEXAMETHASONE", "PROPHYLAXIS", 0.6),
    Medicine("HEPARIN", "PROPHYLAXIS", 0.3),
    Medicine("MIDAZOLAM", "SEDATION", 0.8),
)


@dataclass(frozen=True)
class Condition:
    """A condition in the history, and the share at the age of 63 who have it."""

    term: str
    body_system: str
    rate: float


HISTORY = (
    Condition("Hypertension", VASCULAR, 0.45),
    Condition("Type 2 diabetes mellitus", METABOLISM, 0.22),
    Condition("Coronary artery disease", CARDIAC, 0.1),
    Condition("Chronic obstructive pulmonary disease", RESPIRATORY, 0.08),
    Condition("Hyperlipidaemia", METABOLISM, 0.2),
    Condition("Gout", METABOLISM, 0.05),
    Condition("Cerebral infarction", NERVOUS, 0.06),
)
SYMPTOM_RATES = {
    "COUGH": 0.75, "DYSPNEA": 0.9, "FATIGUE": 0.7, "FEVER": 0.7, "CHEST PAIN": 0.15, "MYALGIA": 0.3
}  # fmt: skip

# ISO 3166 alpha-3 codes by time zone, and who lives there (SDTM's RACE with weights).
COUNTRIES = {
    "Asia/Shanghai": "CHN",
    "America/New_York": "USA",
    "America/Chicago": "USA",
    "America/Los_Angeles": "USA",
    "Europe/London": "GBR",
    "Europe/Berlin": "DEU",
    "Europe/Paris": "FRA",
    "Asia/Tokyo": "JPN",
}
RACES = ("ASIAN", "WHITE", "BLACK OR AFRICAN AMERICAN", "AMERICAN INDIAN OR ALASKA NATIVE")
RACE_WEIGHTS = {"CHN": (1.0, 0.0, 0.0, 0.0), "JPN": (1.0, 0.0, 0.0, 0.0)}
OTHER_RACE_WEIGHTS = (0.06, 0.80, 0.13, 0.01)
